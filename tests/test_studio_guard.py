"""Who the studio lets in, and that no request reaches what is not a project's."""

import socket
import subprocess
import sys

import pytest
from starlette.testclient import TestClient

from folai.cli import main
from folai.studio.guard import Session, allowed_hosts, stored_token
from folai.studio.server import make_app
from studio_clients import SESSION, TOKEN


@pytest.fixture
def app(studio):
    return make_app(studio[1], SESSION, allowed_hosts("127.0.0.1"))


@pytest.fixture
def stranger(app):
    return TestClient(app, base_url="http://127.0.0.1:8765")


@pytest.fixture
def guest(stranger):
    """One who has opened the printed link."""
    assert stranger.get(f"/?token={TOKEN}").status_code == 200
    return stranger


def test_nobody_is_let_in_without_the_link(stranger):
    for path in ("/", "/static/index.html", "/api/status", "/api/openapi.json", "/api/projects"):
        assert stranger.get(path).status_code == 401
    assert "printed" in stranger.get("/api/status").json()["error"]
    assert stranger.get("/?token=wrong").status_code == 403
    assert stranger.get("/login").status_code == 401
    stranger.cookies.set(SESSION.cookie_name, TOKEN)  # the token itself is no session
    assert stranger.get("/api/status").status_code == 401


def test_the_link_gives_a_session_that_scripts_cannot_read(stranger):
    reply = stranger.get(f"/?token={TOKEN}")
    cookie = reply.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert TOKEN not in reply.text and TOKEN.lower() not in cookie
    assert stranger.get("/api/status").status_code == 200


def test_other_hosts_are_refused(guest):
    for host in ("evil.example", "evil.example:8765", "127.0.0.1.evil.example", "", "[::2]"):
        assert guest.get("/api/status", headers={"host": host}).status_code == 403
    for host in ("localhost:8765", "127.0.0.1:9999", "[::1]:8765"):
        assert guest.get("/api/status", headers={"host": host}).status_code == 200


def test_other_origins_change_nothing(guest):
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9000"},  # another server here: its pages share our cookies
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        reply = guest.post("/api/sound", json={}, headers=headers)
        assert reply.status_code == 403 and "another page" in reply.json()["error"]
    assert guest.get("/api/status", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    own = {"origin": "http://127.0.0.1:8765", "sec-fetch-site": "same-origin"}
    assert guest.post("/api/sound", json={}, headers=own).status_code == 200


def test_pages_may_do_little(guest):
    for path in ("/", "/api/status", "/api/nothing"):
        headers = guest.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_no_path_leads_out_of_the_projects(guest, studio):
    (studio[1].store.root / "secret.txt").write_text("secret")
    project = studio[1].opened
    for path in (
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/..%2fserver.py",
        "/static//etc/passwd",
        "/api/projects/..%2f..%2fetc",
        "/api/projects/%2e%2e",
        "/api/projects/.token",
        f"/api/projects/{project}/envelopes/..%2f..%2fproject",
        f"/api/projects/{project}/exports/..%2fproject.json",
        f"/api/projects/{project}/exports/%2e%2e%2f%2e%2e%2fsecret.txt",
        f"/api/projects/{project}/takes/..%2f..%2fclip/audio",
        f"/api/projects/{project}/references/%00/audio",
    ):
        reply = guest.get(path)
        assert reply.status_code in (400, 404), (path, reply.text)
        assert "secret" not in reply.text.replace("secret.txt", "")


def test_names_of_uploads_are_only_names(guest, studio, clip):
    name = "..%2F..%2F..%2Fetc%2Fcron.d%2Fevil.mp4"
    reply = guest.post(f"/api/projects?name={name}", content=clip.read_bytes())
    assert reply.json()["clip"]["file"] == "evil.mp4" and reply.json()["name"] == "evil"
    for job in reply.json()["jobs"]:
        guest.delete(f"/api/jobs/{job['id']}")
    media = {path.name for path in (studio[1].store.root / reply.json()["id"] / "media").iterdir()}
    assert "clip.mp4" in media and "evil.mp4" not in media


# ---- others on the network


def test_others_need_a_password(studio, monkeypatch):
    monkeypatch.setattr("folai.studio.guard.WAIT", 0)
    session = Session(TOKEN, "sesame & Co")
    app = make_app(studio[1], session, allowed_hosts("0.0.0.0"))
    client = TestClient(app, base_url="http://192.168.1.5:8765")
    assert client.get("/api/status").status_code == 401
    assert client.get(f"/?token={TOKEN}").status_code == 401
    assert "password" in client.get("/").text
    wrong = client.post("/login", data={"password": "open"})
    assert wrong.status_code == 403 and "set-cookie" not in wrong.headers
    assert client.post("/login", data={"password": "sesame & Co"}).status_code == 200
    assert client.get("/api/status").status_code == 200
    assert client.get("/api/status", headers={"host": "evil.example"}).status_code == 403
    here = {"host": socket.gethostname()}
    assert client.get("/api/status", headers=here).status_code == 200


def test_a_host_without_a_password_is_refused(capsys, tmp_path):
    given = ["--projects", str(tmp_path), "--no-browser"]
    assert main(["studio", "--host", "0.0.0.0", *given]) == 2
    said = capsys.readouterr().err
    assert "--password" in said and "unencrypted" in said


def test_the_token_is_kept_for_this_user_alone(tmp_path):
    token = stored_token(tmp_path)
    assert len(token) >= 32 and stored_token(tmp_path) == token
    assert (tmp_path / ".token").stat().st_mode & 0o077 == 0


# ---- what takes files apart


def test_a_decoder_is_bounded(tmp_path):
    code = (
        "from folai.studio.limits import restrict\n"
        "restrict(memory=300 << 20, file_size=1 << 20)\n"
        "import errno\n"
        "try:\n    x = bytearray(1 << 30)\nexcept MemoryError:\n    print('memory')\n"
        f"file = open({str(tmp_path / 'large')!r}, 'wb', buffering=0)\n"
        "try:\n    [file.write(bytes(1 << 19)) for _ in range(4)]\n"
        "except OSError as error:\n    print(errno.errorcode[error.errno])\n"
        "restrict(memory=300 << 20, seconds=1)\n"
        "while True:\n    pass\n"
    )
    command = [sys.executable, "-u", "-c", code]  # unbuffered: it is killed at the end
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == ["memory", "EFBIG"] and done.returncode < 0


def test_a_decoder_that_hangs_is_ended(tmp_path, monkeypatch):
    from folai.studio import media_client
    from folai.studio.failures import Cancelled, Overloaded

    hang = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(media_client, "child_command", lambda *_: hang)
    names = {tmp_path / "a.mp4": "a.mp4"}
    with pytest.raises(Overloaded, match=r"a\.mp4: took more time or memory than allowed"):
        media_client.run_child("probe", {}, names=names, patience=0.2)
    with pytest.raises(Cancelled):
        media_client.run_child("probe", {}, names=names, patience=60, cancelled=lambda: True)
