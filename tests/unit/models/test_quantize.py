import json
import logging
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from headgate.errors import ModelError
from headgate.models.calibration import calibration_texts
from headgate.models.encoder import ReferenceEncoder
from headgate.models.quantize import RECIPE, int8_directory, write_int8
from headgate.models.quantized import FILES, QuantizedEncoder
from headgate.models.source import resolve_source

pytestmark = pytest.mark.slow


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of converted encoders."""
    monkeypatch.setenv("HEADGATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def similarity(source, int8, texts):
    """Return each text's cosine between the float32 and the int8 encoder."""
    reference = ReferenceEncoder(source, 256, "cpu").encode(texts)
    return (reference * QuantizedEncoder(int8, 256).encode(texts)).sum(axis=1)


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())


def test_the_int8_files_are_written_and_give_nearly_the_same_vectors(tiny, tiny_int8):
    assert names_in(tiny_int8) == sorted(FILES)
    assert similarity(tiny, tiny_int8, calibration_texts(40)).min() > 0.95


def test_two_calls_at_once_get_the_same_whole_directory(tiny, cache):
    """And leave the process's standard streams and its logging as they were."""
    before = (sys.stdout, sys.stderr, logging.root.manager.disable)
    start = Barrier(2)

    def convert(_):
        start.wait()
        return int8_directory(tiny)

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(convert, range(2))

    assert one == other
    assert names_in(one) == sorted(FILES)
    assert names_in(cache / "int8") == [one.name]
    assert (sys.stdout, sys.stderr, logging.root.manager.disable) == before


def test_a_half_written_cache_is_replaced_and_a_whole_one_is_used(tiny, tiny_int8, cache):
    target = cache / "int8" / int8_name(tiny)
    target.mkdir(parents=True)
    shutil.copy(tiny_int8 / "model.xml", target)
    (target / "left-over").touch()

    assert int8_directory(tiny) == target
    assert names_in(target) == sorted(FILES)
    assert names_in(cache / "int8") == [target.name]
    written = (target / "model.bin").stat().st_mtime_ns

    assert int8_directory(tiny) == target
    assert (target / "model.bin").stat().st_mtime_ns == written


def int8_name(source):
    from importlib.metadata import version

    made_with = f"recipe{RECIPE}-ov{version('openvino')}-nncf{version('nncf')}"
    return f"{source.sha256[:16]}-{made_with}"


def as_sentence_transformer(directory, pooling_mode):
    """Add the files that say how token vectors become one."""
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    kinds = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(modules)
    ]
    (directory / "modules.json").write_text(json.dumps(kinds))
    pooling = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": False}
    (directory / "1_Pooling").mkdir()
    (directory / "1_Pooling" / "config.json").write_text(
        json.dumps({**pooling, pooling_mode: True})
    )


def test_an_encoder_that_does_not_average_its_tokens_is_refused(tiny, tmp_path):
    """Int8 vectors of another pooling would be silently others than the float32 ones."""
    directory = shutil.copytree(tiny.directory, tmp_path / "first-token")
    as_sentence_transformer(directory, "pooling_mode_cls_token")

    with pytest.raises(ModelError, match="not the mean over its tokens"):
        write_int8(resolve_source(str(directory)), tmp_path)


def test_files_that_make_no_encoder_are_refused_and_leave_nothing(tiny, cache, tmp_path):
    broken = shutil.copytree(tiny.directory, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"not tensors")

    with pytest.raises(ModelError, match="int8 conversion failed"):
        int8_directory(resolve_source(str(broken)))

    assert names_in(cache / "int8") == []


VARIED = """
Accepted password for deploy from 203.0.113.9 port 51122 ssh2
kernel: EXT4-fs error (device sdb1): inode 1183 has an invalid checksum
%LINEPROTO-5-UPDOWN: Line protocol on Interface GigabitEthernet0/12, changed state to down
WARN BlockReceiver: Slow flush took 1843ms for blk_9921773
systemd[1]: postgresql.service: Main process exited, code=killed, status=9/KILL
BGP neighbour 10.8.0.2 went from Established to Idle, hold timer expired
OOM killer chose process 29341 (java) with score 912
[pool-7-thread-3] ERROR c.e.billing.Invoice - duplicate key for customer 88123
nginx: 502 upstream prematurely closed connection while reading response header
FAN_FAULT tray 2 speed 0 rpm, temperature 71 C
Failed to renew lease on /jobs/nightly/part-00017, will retry in 30 seconds
DHCPDISCOVER from 00:16:3e:5e:6c:0a via vlan40: no free leases
raid: array md2 degraded, 1 of 4 members missing
TLS handshake error from 198.51.100.4:40022: certificate has expired
cron: (root) CMD (/usr/local/bin/rotate --keep 14)
{"ts": 1718, "lvl": "info", "msg": "cache warmed", "keys": 5120}
java.lang.IllegalStateException: queue already closed
pod web-6d9f restarted 5 times in the last 10 minutes
CPU 3: machine check exception, bank 4, corrected
session 5512 closed by user
The power supply in the left bay no longer delivers the voltage that it should.
A route was withdrawn because the peer that announced it became unreachable.
The administrator changed the password policy of the whole domain.
This message appears when the disk holding the journal is more than ninety per cent full.
Two nodes believe that they are the leader of the same group.
The licence runs out in seven days, after which new sessions are refused.
Clean the air filter and check that both fans turn.
The replica fell behind the primary by more than a minute.
A user typed the wrong password three times and was locked out.
Nothing is wrong; the device merely reports that its self-test succeeded.
Backups older than thirty days were deleted as configured.
The clock of the access point differs from the server's by two hours.
A fibre with a dirty connector loses light and causes checksum errors.
The scheduler skipped a run since the previous one had not ended.
Somebody unplugged the cable between the two switches.
The database refuses writes until an operator frees some space.
An update of the firmware needs a restart to take effect.
Requests wait in the queue longer than the limit allows.
A packet with a forged source address was dropped.
Memory was released after the cache had been emptied.
Why does the tunnel go down every night at two?
Which patients were older than sixty at diagnosis?
How many orders were shipped late in March?
Where are the logs of the load balancer kept?
Who restarted the mail server yesterday evening?
What is the largest safe batch size for this card?
customer_id
unit price in EUR
dateOfBirth
tumour grade
SELECT name, total FROM orders WHERE total > 100 ORDER BY total DESC
def area(radius): return 3.14159 * radius ** 2
git rebase --onto main feature~3 feature
Der Speicher ist voll, bitte Platz schaffen.
Le ventilateur est en panne depuis ce matin.
El disco duro hace un ruido extraño al arrancar.
Bread rises faster in a warm kitchen.
The orchestra tuned its instruments before the second act.
Rain is expected in the valley, snow above eight hundred metres.
0x0000007b 0xf78d2524 0xc0000034
""".strip().splitlines()


@pytest.mark.timeout(600)
def test_the_embedded_encoder_keeps_its_vectors_in_int8(embedded, embedded_int8):
    assert len(set(VARIED)) == 60

    found = similarity(embedded, embedded_int8, VARIED)

    assert np.mean(found) >= 0.99
    assert found.min() >= 0.95
