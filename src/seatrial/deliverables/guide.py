"""The user guide: five minutes from the folder to the first answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seatrial.deliverables._deliverable import Deliverable, Handover, Item
from seatrial.deliverables._documents import interface
from seatrial.deliverables._documents.blocks import Code, Page
from seatrial.deliverables._documents.facts import CASES, documents
from seatrial.deliverables._documents.samples import answer_listing
from seatrial.deliverables._documents.writer import VECTORS, Writer
from seatrial.deliverables._oci.image import default_name
from seatrial.deliverables.samples import curl, request_body
from seatrial.model.bundle import Bundle
from seatrial.model.manifest import Manifest
from seatrial.text import Text

_FOLDERS = (
    ("manifest.json", "every file with its size and digest", "每个文件的大小与摘要"),
    ("contract.yaml", "what goes in and out, for programs", "供程序读取的输入输出约定"),
    ("models/", "the model, in each format", "各格式的模型文件"),
    ("report/report.html", "the report of the ten checks", "发布前检查报告"),
    ("samples/", "real samples, and what must come of each", "真实样本及其标准结果"),
    ("test_cases/", "test cases and a program that runs them", "测试用例与运行程序"),
    ("sdk/", "source code for Python, Java and C++", "Python、Java、C++ 的 SDK 源码"),
    (
        "deploy/",
        "Kubernetes, KServe, Compose and systemd files",
        "Kubernetes、KServe、Compose 与 systemd 清单",
    ),
    ("sbom.cdx.json", "what it is made of (CycloneDX)", "物料清单（CycloneDX）"),
    ("docs/", "these documents", "本套文档"),
)


def _write(w: Writer, handover: Handover) -> Page:
    folder = f"{handover.name}-{handover.version}"
    w.heading("What you have", "交付内容")
    w.grid(
        (("in the folder", "路径"), ("what it is", "内容")),
        [(Code(path), w.word(en, zh)) for path, en, zh in _FOLDERS],
    )
    _trust(w, handover, folder)
    _ask(w, handover, folder)
    _programs(w, handover)
    _container(w, handover, folder)
    w.heading("What goes in", "输入是什么")
    interface.tensors(w, handover, "inputs")
    interface.steps(w, handover, "preprocess")
    w.text(
        "All of it in the [technical document](technical.html); when something is not as it says here: "
        "[troubleshooting](troubleshooting.html).",
        "完整说明见[技术文档](technical.html)；如与此处不符，请看[故障排查](troubleshooting.html)。",
    )
    lead = w.line(
        "Five minutes: see that it is whole, see that it works on your machine, ask it, build it in.",
        "五分钟上手：确认文件完整、确认在本机可用、发出第一个请求、接入程序。",
    )
    return w.page("guide", ("User guide", "使用指南"), lead)


def _trust(w: Writer, handover: Handover, folder: str) -> None:
    w.heading("Is it whole", "确认完整")
    w.text(
        "`verify` compares every file with its digest; with the sender's public key also who vouches for it.",
        "`verify` 逐个比对文件摘要；给出发送方公钥时，还会验证签名。",
    )
    w.listing(f"seatrial verify {folder}\nseatrial verify {folder} --key sender.pub")
    w.heading("Does it work here", "在本机试运行")
    w.text(
        "With Seatrial installed, every runtime that is there is tried:",
        "如已安装 Seatrial，会逐一尝试本机已有的运行时：",
    )
    w.listing(f"seatrial selfcheck {folder}")
    if handover.cases.cases:
        w.text(
            "Without it, numpy and one runtime suffice; {count} test cases, and the pass rate is printed:",
            "未安装时，只需 numpy 与一个运行时；共 {count} 个测试用例，运行后打印通过率：",
            count=w.count(CASES),
        )
        w.listing(f"python {folder}/test_cases/test.py")


def _ask(w: Writer, handover: Handover, folder: str) -> None:
    w.heading("Serve it and ask", "启动服务并提问")
    w.text(
        "The bundle is served as it is, over the Open Inference Protocol v2:",
        "交付包可直接启动服务（Open Inference Protocol v2）：",
    )
    w.listing(f"seatrial serve {folder} --port 8000")
    w.text("It is ready when this says so:", "以下命令成功即表示就绪：")
    w.listing("curl http://127.0.0.1:8000/v2/health/ready")
    line = ""
    if handover.vectors:
        request = request_body(handover)
        line = curl(handover, handover.vectors[0], request=bool(request))
    if line:
        w.text(
            "Ask it about sample {name} of this bundle:",
            "用本交付包的样本 {name} 提问：",
            name=w.fact(VECTORS, "vectors", 0, "name", code=True),
        )
        w.listing(f"cd {folder}/samples\n{line}")
    if handover.vectors:
        w.text("This is what must come back:", "应当得到的答案：")
        answer_listing(w)


def _programs(w: Writer, handover: Handover) -> None:
    w.heading("From Python", "Python 接入")
    w.listing("cd sdk/python\npip install -r requirements.txt\npython golden_test.py\npython single.py")
    w.listing(
        "from delivered import Client, Model\n\n"
        "model = Model()                          # in this process\n"
        "answer = model.predict(sample)\n\n"
        'client = Client("http://127.0.0.1:8000", deadline=5)\n'
        "answer = client.predict(sample)          # from the service",
        "python",
    )
    w.heading("From Java", "Java 接入")
    w.text(
        "Java 17 and nothing else; the second line proves pre- and postprocessing on the samples:",
        "只需 Java 17；第二行用样本验证预处理与后处理：",
    )
    w.listing(
        "cd sdk/java\njavac -encoding UTF-8 -d build @sources.txt\njava -cp build seatrial.GoldenTest ../.."
        "\njava -cp build seatrial.samples.http.Single http://127.0.0.1:8000 ../.."
    )
    w.heading("From C++", "C++ 接入")
    line = "cd sdk/cpp\nmake && make test"
    if handover.vectors:
        first = handover.vectors[0]
        line += f"\nbuild/http_client http://127.0.0.1:8000 ../../samples/{first.name}{first.suffix}"
    w.text("A compiler for C++17 and `make`:", "需要 C++17 编译器与 `make`：")
    w.listing(line)
    w.text(
        "Each SDK has a README with single, batch and multi-threaded samples.",
        "各 SDK 的 README 附有单条、批量与多线程示例。",
    )


def _container(w: Writer, handover: Handover, folder: str) -> None:
    w.heading("As a container", "容器部署")
    w.text(
        "Seatrial writes the image without an engine; any engine runs it, without root, its files read-only:",
        "Seatrial 无需容器引擎即可生成镜像；以非 root、只读文件系统运行：",
    )
    manifest = Manifest(handover.name, handover.version, handover.created, (), ())
    image = default_name(Bundle(Path(folder), manifest))
    w.listing(
        f"seatrial image {folder} -o image.tar\ndocker load -i image.tar\n"
        f"docker run -p 8000:8000 --read-only --tmpfs /tmp --cap-drop ALL {image}"
    )
    w.text(
        "Files for Kubernetes, KServe, Compose and systemd are in `deploy/`; `seatrial deploy` writes them "
        "again with the digest of your image.",
        "`deploy/` 中有 Kubernetes、KServe、Compose 与 systemd 清单；"
        "镜像摘要确定后，用 `seatrial deploy` 重新生成。",
    )


def _make(handover: Handover) -> Iterator[Item]:
    yield from documents(handover, "guide", _write)


DELIVERABLE = Deliverable(
    name="guide",
    order=131,
    summary=Text("the user guide, in English and Chinese", "使用指南（中英文）"),
    make=_make,
)
