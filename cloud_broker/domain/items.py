"""What a ticket can be about: types, and the item tree of each (DOMAIN: ticket taxonomy).

Codes are stable; names may change. 特急 items are critical: a person in a lift and gas do not wait.
"""

from typing import Literal

from cloud_broker.domain.views import TicketItem

TYPES: dict[str, tuple[str, str]] = {
    "repair": ("报修", "Repair"),
    "complaint": ("投诉", "Complaint"),
    "enquiry": ("咨询", "Enquiry"),
    "praise": ("表扬", "Praise"),
    "suggestion": ("建议", "Suggestion"),
    "emergency": ("求助", "Emergency"),
    "follow_up": ("回访", "Follow-up"),
    "nuisance": ("骚扰", "Nuisance"),
}

Urgency = Literal["normal", "major", "critical"]
_Row = tuple[str, str, str, Urgency]

# code, 中文, English, urgency (normal, major, critical); a code under a group begins with the group's
_ROWS: dict[str, tuple[_Row, ...]] = {
    "repair": (
        ("water", "给排水", "Water and drains", "normal"),
        ("water.leak", "漏水", "Leak", "major"),
        ("water.blocked", "堵塞", "Blocked drain", "normal"),
        ("water.off", "停水", "No water", "major"),
        ("power", "强电", "Power", "normal"),
        ("power.tripped", "跳闸", "Breaker tripped", "major"),
        ("power.off", "停电", "No power", "major"),
        ("power.light", "照明", "Lighting", "normal"),
        ("lowvoltage", "弱电", "Low voltage", "normal"),
        ("lowvoltage.access", "门禁", "Door access", "normal"),
        ("lowvoltage.intercom", "对讲", "Intercom", "normal"),
        ("lowvoltage.camera", "监控", "Cameras", "normal"),
        ("lowvoltage.network", "网络", "Network", "normal"),
        ("lift", "电梯", "Lift", "normal"),
        ("lift.trapped", "困人", "Person trapped", "critical"),
        ("lift.stopped", "停运", "Out of service", "major"),
        ("lift.noise", "异响", "Strange noise", "normal"),
        ("doors", "门窗", "Doors and windows", "normal"),
        ("walls", "墙地面", "Walls and floors", "normal"),
        ("walls.seepage", "渗漏", "Seepage", "major"),
        ("walls.hollow", "空鼓", "Hollow plaster", "normal"),
        ("heating", "暖通燃气", "Heating and gas", "normal"),
        ("heating.cold", "不制热", "No heating", "major"),
        ("heating.gas", "燃气味", "Smell of gas", "critical"),
        ("fire", "消防", "Fire safety", "major"),
        ("public", "公共设施", "Public facilities", "normal"),
        ("green", "绿化", "Greenery", "normal"),
        ("cleaning", "保洁", "Cleaning", "normal"),
        ("parking", "停车道闸", "Parking and gates", "normal"),
    ),
    "complaint": (
        ("attitude", "人员态度", "Staff attitude", "normal"),
        ("quality", "维修质量", "Quality of repair", "normal"),
        ("noise", "噪音", "Noise", "normal"),
        ("c_parking", "停车", "Parking", "normal"),
        ("c_cleaning", "保洁", "Cleaning", "normal"),
        ("security", "安全", "Security", "major"),
        ("fees", "收费", "Fees", "normal"),
        ("neighbours", "邻里", "Neighbours", "normal"),
        ("developer", "开发商遗留", "Left by the developer", "normal"),
        ("pets", "宠物", "Pets", "normal"),
    ),
    "enquiry": (
        ("e_fees", "费用", "Fees", "normal"),
        ("e_fitting", "装修", "Fitting-out", "normal"),
        ("e_moving", "入住", "Moving in", "normal"),
        ("e_papers", "证件", "Papers", "normal"),
        ("e_outage", "停水电", "Outages", "normal"),
    ),
    "praise": (
        ("p_staff", "表扬员工", "Praise for staff", "normal"),
        ("p_service", "表扬服务", "Praise for service", "normal"),
    ),
    "suggestion": (
        ("s_service", "服务建议", "Service", "normal"),
        ("s_facility", "设施建议", "Facilities", "normal"),
    ),
    "emergency": (
        ("x_trapped", "电梯困人", "Trapped in a lift", "critical"),
        ("x_gas", "燃气泄漏", "Gas leak", "critical"),
        ("x_fire", "火警", "Fire", "critical"),
        ("x_burst", "水管爆裂", "Burst pipe", "critical"),
        ("x_medical", "人身急救", "Medical help", "critical"),
    ),
    "nuisance": (("n_call", "骚扰电话", "Nuisance call", "normal"),),
}


def _build(type_: str, rows: tuple[_Row, ...]) -> tuple[TicketItem, ...]:
    def leaf(row: _Row, children: tuple[TicketItem, ...] = ()) -> TicketItem:
        code, name_zh, name_en, urgency = row
        return TicketItem(code, name_zh, name_en, type_, urgency, children)

    groups = [row for row in rows if "." not in row[0]]
    return tuple(
        leaf(group, tuple(leaf(row) for row in rows if row[0].startswith(f"{group[0]}."))) for group in groups
    )


ITEMS: tuple[TicketItem, ...] = tuple(item for type_, rows in _ROWS.items() for item in _build(type_, rows))
_BY_CODE = {item.code: item for group in ITEMS for item in (group, *group.children)}


def find_item(code: str) -> TicketItem | None:
    """The item with this code, group or leaf."""
    return _BY_CODE.get(code)
