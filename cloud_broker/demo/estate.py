"""The demo's facts, as plain rows: units, residents, their numbers, what they owe. Drawn from one seed."""

import random
from dataclasses import dataclass, field

SEED = 20260317
BUILDINGS = {"一期": (1, 2, 3), "二期": (5, 6)}
ENTRANCES = (1, 2)
FLOORS = 10
SHOPS = 6
RENTED_SHARE = 0.3
SECOND_PERSON_SHARE = 0.5
FIXED_LINE_SHARE = 0.15
ARREARS_SHARE = 0.12

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = (
    *("建国", "秀英", "志强", "桂兰", "海燕", "秀兰", "文博", "雨桐", "子涵", "浩然", "梓萱", "思远", "嘉怡"),
    *("晓东", "玉梅", "国庆", "春华", "立新", "佳宁", "一鸣", "伟", "芳", "娜", "敏", "静", "丽", "强", "磊"),
    *("军", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超", "霞", "平", "刚"),
)
_WOMEN = set("英兰燕芳娜敏静丽艳娟霞桐涵萱怡梅华宁")
_MOBILE_PREFIXES = ("134", "135", "136", "150", "152", "158", "182", "186", "188", "189")
_TAGS = (("独居老人", 0.04), ("VIP", 0.03), ("重点关注", 0.02))


@dataclass
class Person:
    """`phones`: (number as written, label). `homes`: (unit label, role, has left)."""

    name: str
    salutation: str
    tags: list[str] = field(default_factory=list)
    phones: list[tuple[str, str]] = field(default_factory=list)
    homes: list[tuple[str, str, bool]] = field(default_factory=list)


@dataclass
class Estate:
    """`units`: (label, building, kind). `arrears`: (unit label, item, cents)."""

    units: list[tuple[str, str, str]]
    people: list[Person]
    arrears: list[tuple[str, str, int]]


def build_estate() -> Estate:
    """About 200 units and 300 residents; the people of the scenarios first."""
    rng = random.Random(SEED)
    units = _build_units()
    people = _known_people()
    taken = {unit for person in people for unit, _, _ in person.homes}
    for label, _, kind in units:
        if label not in taken:
            people += _household(rng, label, kind)
    arrears = [("一期-3栋-2单元-1102", "物业费", 128_640), ("二期-5栋-1单元-301", "水费", 8_650)]
    for label, _, _ in units:
        if rng.random() < ARREARS_SHARE:
            item, low, high = rng.choice(
                (("物业费", 60_000, 260_000), ("水费", 3_000, 18_000), ("车位费", 30_000, 90_000))
            )
            arrears.append((label, item, rng.randrange(low, high, 10)))
    return Estate(units, people, arrears)


def _build_units() -> list[tuple[str, str, str]]:
    units = [
        (f"{phase}-{building}栋-{entrance}单元-{floor}{door:02d}", f"{building}栋", "residence")
        for phase, buildings in BUILDINGS.items()
        for building in buildings
        for entrance in ENTRANCES
        for floor in range(1, FLOORS + 2)
        for door in (1, 2)
        if (floor, door) != (FLOORS + 1, 1)
    ]
    units += [(f"一期-商-{number:02d}", "商铺", "shop") for number in range(1, SHOPS + 1)]
    return units


def _known_people() -> list[Person]:
    """Those the demo's scenarios call from: an owner, a shared line, a couple, and one who has moved out."""
    chen, liu = "一期-3栋-2单元-1102", "二期-5栋-1单元-301"
    zhang, zhou = "一期-1栋-1单元-502", ("一期-2栋-1单元-201", "二期-6栋-2单元-601")
    shared = [("021-56430144", "住宅")]
    return [
        Person("陈建国", "陈先生", ["VIP"], [("13800138000", "本人")], [(chen, "owner", False)]),
        Person("刘秀英", "刘女士", [], [("139 1234 5678", "本人")], [(liu, "tenant", False)]),
        Person("张志强", "张先生", [], list(shared), [(zhang, "owner", False)]),
        Person("李海燕", "李女士", [], list(shared), [(zhang, "family", False)]),
        Person(
            name="周晓东",
            salutation="周先生",
            tags=["独居老人"],
            phones=[("010-62345678", "住宅")],
            homes=[(room, "owner", False) for room in zhou],
        ),
        Person("马文博", "马先生", [], [("13911112222", "本人")], [(liu, "tenant", True)]),
    ]


def _household(rng: random.Random, label: str, kind: str) -> list[Person]:
    role = "tenant" if rng.random() < RENTED_SHARE else "owner"
    first = _person(rng, label, role)
    people = [first]
    if kind == "residence" and rng.random() < SECOND_PERSON_SHARE:
        people.append(_person(rng, label, "family"))
    if rng.random() < FIXED_LINE_SHARE:
        line = f"027-8{rng.randrange(2_000_000, 8_999_999)}"
        for person in people:
            person.phones.append((line, "住宅"))
    return people


def _person(rng: random.Random, label: str, role: str) -> Person:
    surname, given = rng.choice(_SURNAMES), rng.choice(_GIVEN)
    title = "女士" if given[-1] in _WOMEN else "先生"
    tags = [tag for tag, share in _TAGS if rng.random() < share]
    mobile = f"{rng.choice(_MOBILE_PREFIXES)}{rng.randrange(10**8):08d}"
    return Person(surname + given, surname + title, tags, [(mobile, "本人")], [(label, role, False)])
