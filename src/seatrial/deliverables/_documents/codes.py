"""What programs and servers answer with when something is wrong; a test holds both to the real tables."""

from __future__ import annotations

from seatrial.text import Text

EXIT = {
    0: Text("done, or the gate said yes", "完成，或门禁通过"),
    1: Text("the gate said no, or an answer is another than was handed over",
            "门禁未通过，或答案与交付时不同"),
    2: Text("the call is wrong: an option, a file that is not there, an engine that is not installed",
            "调用有误：选项错误、文件不存在或缺少推理引擎"),
    3: Text("the model or its contract is at fault", "模型或契约本身有问题"),
    4: Text("a digest, a signature or a license does not hold", "摘要、签名或许可证不成立"),
    5: Text("something that should answer does not", "依赖的服务没有应答"),
}  # fmt: skip

STATUS = {
    400: Text("the request breaks the contract; the message names input, shape and what was expected",
              "请求不符合契约；消息中写明输入名、形状与期望值"),
    401: Text("an API key is needed and was not sent", "需要 API 密钥但未提供"),
    403: Text("this key may not, or the license says no", "密钥无权限，或许可证不允许"),
    404: Text("no such model, version or path", "没有该模型、版本或路径"),
    405: Text("another method is meant; `Allow` names it", "方法不对；见 `Allow`"),
    408: Text("the request came too slowly", "请求发送过慢"),
    411: Text("the length of the body was not said", "没有说明请求体长度"),
    413: Text("the body is larger than `--max-body`", "请求体超过 `--max-body`"),
    415: Text("the media type is none that this model takes", "媒体类型不受支持"),
    417: Text("the expectation cannot be met", "无法满足 Expect"),
    422: Text("the engine refused the numbers", "推理引擎拒绝了这些数值"),
    429: Text("faster than the license or the key allows; wait as `Retry-After` says",
              "超过许可证或密钥的速率；按 `Retry-After` 等待"),
    431: Text("the headers are too large", "请求头过大"),
    500: Text("the engine died; the server starts it again", "推理进程崩溃；服务会自动重启它"),
    501: Text("asked for something that this server does not offer", "服务不提供该功能"),
    503: Text("too much is waiting; come again as `Retry-After` says", "排队过多；按 `Retry-After` 重试"),
    504: Text("the engine did not answer in time (`--timeout`)", "推理超时（`--timeout`）"),
    507: Text("the engine ran out of memory", "推理进程内存不足"),
}  # fmt: skip
