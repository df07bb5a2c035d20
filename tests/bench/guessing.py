# SPDX-License-Identifier: ISC
"""Passwords are guessed while others log in: how long these wait, and what the guesses cost."""
import asyncio
import base64
import collections
import multiprocessing
import os
import pathlib
import pwd
import signal
import socket
import ssl
import statistics
import subprocess
import time

import servers

DOMAIN = "bench.example.test"
VICTIMS, OTHERS = 200, 5
OTHERS_PER_SECOND = 6
ANSWER_SECONDS = 20
GUESSES_PER_CONNECTION = 3
CLIENT = ssl.create_default_context()
CLIENT.check_hostname, CLIENT.verify_mode = False, ssl.CERT_NONE


# yescrypt at the cost that both servers' commands choose; of the others the password is "right".
HASHES = {"victim": "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$e3NzNfWy98js7Fr.uUFbf4DeTaWszg8MGVBckQ9xKk0",
          "other": "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$F1K3Jya64xlumGw51Swco2SOABCTTRjmBszNBfvECdC"}
USERS = {f"{kind}{n}@{DOMAIN}": HASHES[kind] for kind, count in (("victim", VICTIMS), ("other", OTHERS))
         for n in range(count)}


class Postern(servers.Postern):
    """`limits` False: as if a guesser had no end of addresses: no failures are too many."""

    hasher = "directory"

    def __init__(self, directory, limits, threads, certificate):
        super().__init__(directory, hold=True, certificate=certificate)
        self.limits, self.threads = limits, threads or min(4, os.cpu_count())
        self.ports = {"submissions": servers.free_port(), "pop3": servers.free_port()}

    def more_conf(self):
        many = "" if self.limits else "failures = 100000  login-failures = 100000"
        lines = [f'listen {name} {{ address = "127.0.0.1:{port}" }}' for name, port in self.ports.items()]
        # Nothing is remembered: each login of the others costs a hash.
        lines.append(f"auth {{ threads = {self.threads}  cache-size = 0  {many} }}")
        if not self.limits:
            lines += [f"{name} {{ connections-per-address = 2000 }}" for name in ("smtp", "pop3")]
        return "\n".join(lines) + "\n"

    def users(self):
        return USERS

    def hash_ms(self):
        """Processor time of the threads beside the main one."""
        pid = next(p for p in servers.tree(self.pid) if servers.command_name(p) == self.hasher)
        return sum(thread_ms(f"{pid}/task/{t}") for t in os.listdir(f"/proc/{pid}/task") if int(t) != pid)


DOVECOT = """\
base_dir = {d}/run
state_dir = {d}/run
log_path = {d}/log
protocols = pop3
ssl = no
disable_plaintext_auth = no
default_internal_user = nobody
default_login_user = nobody
default_internal_group = nogroup
first_valid_uid = 1
mail_location = maildir:{d}/mail/%n
passdb {{
  driver = passwd-file
  args = scheme=CRYPT {d}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={d}/mail/%n
}}
service anvil {{
  chroot =
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""


class Dovecot:
    """Debian's, with its defaults but for names, places, and passwords in clear."""

    hasher = "auth"

    def __init__(self, directory, limits, threads, certificate):
        del limits, threads, certificate
        self.directory = pathlib.Path(directory)
        self.threads = 1  # its auth process hashes in its event loop
        self.ports = {"pop3": servers.free_port()}

    @staticmethod
    def is_there():
        """It wants to be started by root."""
        return os.geteuid() == 0 and os.path.exists("/usr/lib/dovecot/pop3-login")

    def start(self):
        nobody = pwd.getpwnam("nobody")
        for name in ("", "run", "mail"):
            (self.directory / name).mkdir(mode=0o755)
        os.chown(self.directory / "mail", nobody.pw_uid, nobody.pw_gid)
        (self.directory / "users").write_text("".join(f"{user}:{value}\n" for user, value in USERS.items()))
        conf = self.directory / "dovecot.conf"
        conf.write_text(DOVECOT.format(d=self.directory, port=self.ports["pop3"]))
        self.child = subprocess.Popen(["dovecot", "-F", "-c", conf], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.ports["pop3"])) == 0 and s.recv(3) == b"+OK":
                    return
            time.sleep(0.1)
        raise RuntimeError("Dovecot does not answer")

    def hash_ms(self):
        """Of all of its auth processes; that of the event loop is in it."""
        return sum(thread_ms(p) for p in servers.tree(self.child.pid) if servers.command_name(p) == self.hasher)

    def cpu_ms(self):
        return servers.cpu_ms(self.child.pid)

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait()


def thread_ms(which):
    fields = servers.stat_fields(which)
    return sum(map(int, fields[11:13])) * servers.TICK_MS if fields else 0


# --- Clients -------------------------------------------------------------------


class Client:
    """A connection that logs in, right or wrong, by SMTP in TLS or by POP3."""

    def __init__(self, protocol, port, source):
        self.smtp, self.port, self.source = protocol == "submissions", port, source
        self.writer = None

    async def line(self):
        line = await self.reader.readline()
        if not line:
            raise ConnectionResetError
        return line

    async def command(self, text):
        """The last line of the reply."""
        if text:
            self.writer.write(text.encode() + b"\r\n")
        line = await self.line()
        while self.smtp and line[3:4] == b"-":
            line = await self.line()
        return line

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(self.source, 0), ssl=CLIENT if self.smtp else None)
        greeting = await self.command("")
        if not greeting.startswith(b"220" if self.smtp else b"+OK"):
            raise ConnectionResetError
        if self.smtp:
            await self.command("EHLO client.example")

    async def log_in(self, user, password):
        """What came of it: right, wrong, or not tried."""
        if self.writer is None:
            await self.open()
        if self.smtp:
            message = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            reply = await self.command("AUTH PLAIN " + message)
            return {b"235": "right", b"535": "wrong"}.get(reply[:3], "not tried")
        await self.command("USER " + user)
        reply = await self.command("PASS " + password)
        return "right" if reply.startswith(b"+OK") else "wrong" if b"[AUTH]" in reply else "not tried"

    def close(self):
        if self.writer is not None:
            self.writer.close()


class Guesser:
    """So many guesses a second are begun, whether the ones before are answered or not (rate None: as many as
    the connections allow), from these addresses in turn, by SMTP and POP3 in turn."""

    def __init__(self, ports, addresses, rate, seconds):
        self.ports, self.addresses, self.rate, self.seconds = ports, addresses, rate, seconds
        self.counts, self.number = collections.Counter(), 0
        self.idle = collections.defaultdict(list)
        self.slots = asyncio.Semaphore(1000)

    async def guess(self, n):
        protocol = list(self.ports)[n % len(self.ports)]
        source = self.addresses[n // len(self.ports) % len(self.addresses)]
        idle = self.idle[protocol, source]
        client, used = idle.pop() if idle else (Client(protocol, self.ports[protocol], source), 0)
        try:
            said = await asyncio.wait_for(client.log_in(f"victim{n % VICTIMS}@{DOMAIN}", f"guess {n}"), ANSWER_SECONDS)
            self.counts[said] += 1
            if used + 1 < GUESSES_PER_CONNECTION:
                idle.append((client, used + 1))
            else:
                client.close()
        except (OSError, asyncio.TimeoutError):
            self.counts["no answer"] += 1
            client.close()

    async def run(self):
        begin = time.monotonic()
        tasks = set()
        while time.monotonic() < begin + self.seconds:
            if self.rate:
                await asyncio.sleep(max(0, begin + self.number / self.rate - time.monotonic()))
            await self.slots.acquire()
            self.number += 1
            task = asyncio.create_task(self.guess(self.number))
            tasks.add(task)
            task.add_done_callback(lambda t: (tasks.discard(t), self.slots.release()))
        for task in tasks:
            task.cancel()
        return self.counts, self.number


async def log_in_now_and_then(ports, network, seconds):
    """The others: milliseconds from connecting to being let in, and what was said otherwise."""
    times, refused, tasks = [], collections.Counter(), []

    async def once(n):
        protocol = list(ports)[n % len(ports)]
        begin = time.monotonic()
        client = Client(protocol, ports[protocol], f"{network}.{10 + n % OTHERS}")
        try:
            said = await asyncio.wait_for(client.log_in(f"other{n % OTHERS}@{DOMAIN}", "right"), ANSWER_SECONDS)
        except (OSError, asyncio.TimeoutError):
            said = "no answer"
        if said == "right":
            times.append((time.monotonic() - begin) * 1000)
        else:
            refused[said] += 1
        client.close()

    for n in range(int(OTHERS_PER_SECOND * seconds)):
        tasks.append(asyncio.create_task(once(n)))
        await asyncio.sleep(1 / OTHERS_PER_SECOND)
    await asyncio.gather(*tasks)
    return times, refused


def guess_in_process(queue, *args):
    queue.put(asyncio.run(Guesser(*args).run()))


def guess_once(kind, where, certificate, *, addresses, rate, limits, network, seconds, threads=None):
    """What `figures` prints; rate 0: nobody guesses."""
    server = kind(where / "server", limits, threads, certificate)
    server.start()
    try:
        asyncio.run(log_in_now_and_then(server.ports, network, 1))  # the others are known there from then on
        queue = multiprocessing.Queue()
        guesser = multiprocessing.Process(target=guess_in_process, args=(queue, server.ports, addresses, rate, seconds))
        begin, hashing, cpu = time.monotonic(), server.hash_ms(), server.cpu_ms()
        if rate != 0:
            guesser.start()
        times, refused = asyncio.run(log_in_now_and_then(server.ports, network, seconds))
        took = time.monotonic() - begin
        hashing, cpu = server.hash_ms() - hashing, server.cpu_ms() - cpu
        counts, begun = queue.get() if rate != 0 else ({}, 0)
        if rate != 0:
            guesser.join()
    finally:
        server.stop()
    return dict(times=times, refused=refused, counts=counts, begun=begun / seconds, seconds=seconds,
                hash_share=hashing / 10 / took, cpu_share=cpu / 10 / took, threads=server.threads)


def figures(r):
    times = sorted(r["times"]) or [float("nan")]
    wrong, untried = r["counts"].get("wrong", 0), r["counts"].get("not tried", 0)
    return (f"others={len(r['times'])} median_ms={statistics.median(times):.0f} "
            f"p99_ms={times[min(len(times) - 1, int(len(times) * 0.99))]:.0f} refused={sum(r['refused'].values())} "
            f"guesses_begun={r['begun']:.0f}/s tried={wrong / r['seconds']:.0f}/s "
            f"refused_untried={untried / r['seconds']:.0f}/s "
            f"hashing={r['hash_share']:.0f}%of{100 * r['threads']}% cpu={r['cpu_share']:.0f}%of{100 * os.cpu_count()}%")


ONE = ["127.0.0.1"]
MANY = [f"127.{1 + n // 100}.{n % 100}.1" for n in range(200)]
# Name, addresses of the guesser, guesses a second, the server's limits, network of the others, threads.
VARIANTS = (("nobody", ONE, 0, True, "127.0.0", None), ("one,100/s", ONE, 100, True, "127.0.0", None),
            ("one,most", ONE, None, True, "127.0.0", None), ("one,100/s,unlimited", ONE, 100, False, "127.200.0", None),
            ("200,100/s", MANY, 100, True, "127.200.0", None), ("200,most", MANY, None, True, "127.200.0", None),
            ("200,100/s,unlimited", MANY, 100, False, "127.200.0", None),
            ("200,100/s,unlimited,threads=1", MANY, 100, False, "127.200.0", 1))
