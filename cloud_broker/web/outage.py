"""While the database is away every request is answered at once: try again soon, nothing is lost."""

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud_broker.adapters.sql.engine import is_away
from cloud_broker.errors import DatabaseUnreachable
from cloud_broker.web.api.router import PREFIX, refuse

RETRY_S = 5
HEALTH = "/healthz"
_PAGE = f"""<!doctype html><html lang="zh-CN"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="{RETRY_S}">
<title>云坐席 CloudSeat</title>
<style>body{{font:18px/1.6 "PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;max-width:34em;
margin:20vh auto 0;padding:0 1em;color-scheme:light dark}}small{{opacity:.7}}</style>
<h1>数据库暂时连不上</h1><p>来电和录音都保存在坐席电脑上，恢复后自动补传。本页每 {RETRY_S} 秒自动重试。</p>
<p lang="en"><small>The database cannot be reached. Calls and recordings are kept on the desk's PC and follow
by themselves; this page tries again every {RETRY_S} seconds.</small></p></html>"""


class DatabaseOutage:
    """Answers 503 for a request that met no database; what has begun to be answered breaks off."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def watch(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except (DBAPIError, PoolTimeout, DatabaseUnreachable) as error:
            if not isinstance(error, DatabaseUnreachable) and not is_away(error):
                raise
            if scope["type"] != "http" or has_begun:
                raise
            await _answer(Request(scope))(scope, receive, send)


def _answer(request: Request) -> Response:
    if request.url.path.startswith((PREFIX, HEALTH)):
        answer: Response = refuse(503, "database_away", "The database cannot be reached. Try again soon.")
    else:
        answer = HTMLResponse(_PAGE, 503)
    if request.headers.get("hx-request") == "true":  # the page, with what was typed into it, stays
        answer.headers["HX-Reswap"] = "none"
    answer.headers["Retry-After"] = str(RETRY_S)
    return answer
