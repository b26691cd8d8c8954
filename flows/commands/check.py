"""Check the settings and everything that they name: keys, files, Kafka, and the way to AppsFlyer. Sends no event.

Exit code 0 if all is fine, 2 if the settings or keys are wrong, 1 if something is missing or cannot be reached.
"""

import argparse
import glob
import os
import ssl
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import certifi
import pycurl
from rich.console import Console
from rich.text import Text

from connectors.kafka.probe import ANSWER_SECONDS, Keying, Probe, ProbeError, PropertiesError, keying
from connectors.secrets import Secret, SecretError
from flows.printable import printable
from flows.settings import SettingsError, load
from flows.settings.model import (
    Delivery,
    FileDeadLetters,
    FilesSource,
    KafkaDeadLetters,
    KafkaSource,
    SecretRef,
    Settings,
    SyncSettings,
)

SAMPLE_RECORDS: Final = 1000


class Mark(Enum):
    """What came of one look: its sign, its colour, its exit code."""

    FINE = ("✓", "green", 0)
    NOTE = ("!", "yellow", 0)
    WRONG = ("✗", "red", 2)
    FAILED = ("✗", "red", 1)


class Finding(NamedTuple):
    """One line of the checklist."""

    mark: Mark
    text: str
    do: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags: it has none of its own."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Print the checklist, line by line as it comes; return the worst line's exit code, 2 before 1."""
    console = Console(highlight=False, soft_wrap=True)
    codes = []
    for finding in _findings(args.settings):
        sign, colour, code = finding.mark.value
        text = f"{finding.text}; {finding.do}" if finding.do else finding.text
        console.print(Text.assemble((f"{sign} ", colour), printable(text)))
        codes.append(code)
    return max(codes)


def _findings(path: Path) -> Iterator[Finding]:
    try:
        settings = load(path)
    except SettingsError as error:
        yield from (Finding(Mark.WRONG, str(problem)) for problem in error.problems)
        return
    yield from _syncs(settings, path)
    yield from _directories(settings)
    if isinstance(settings.source, FilesSource):
        yield from _files(settings.source)
    else:
        yield from _kafka_source(settings.source)
    if isinstance(settings.dead_letters, KafkaDeadLetters):
        yield from _kafka_dead_letters(settings.dead_letters)
    yield from _appsflyer(settings)


def _syncs(settings: Settings, path: Path) -> Iterator[Finding]:
    enabled = len(settings.enabled_syncs)
    yield Finding(Mark.FINE, f"{path}: valid; {enabled} of {len(settings.syncs)} syncs enabled")
    if not enabled:
        yield Finding(Mark.NOTE, "no sync is enabled, so nothing would be sent", "set enabled = true when all is fine")
    for each in settings.syncs:
        apps = [f"iOS {each.sync.ios_app_id}"] if each.sync.ios_app_id else []
        apps += [f"Android {each.sync.android_app_id}"] if each.sync.android_app_id else []
        state = "" if each.enabled else " (not enabled)"
        yield Finding(Mark.FINE, f"sync[{each.name}]{state}: {' and '.join(apps)}")
        for key in each.keys:
            # A sync that is off beside others that are on need not be ready.
            yield _key(each, key, Mark.WRONG if each.enabled or not enabled else Mark.NOTE)


def _key(sync: SyncSettings, key: SecretRef, otherwise: Mark) -> Finding:
    place = f"sync[{sync.name}].{sync.key_kind}"
    try:
        Secret(key).value()
    except SecretError as error:
        return Finding(otherwise, f"{place}: {error}")
    return Finding(Mark.FINE, f"{place}: there is a key in {key}")


def _directories(settings: Settings) -> Iterator[Finding]:
    places = {"state.directory": settings.state.directory}
    if isinstance(settings.dead_letters, FileDeadLetters):
        places["dead_letters.directory"] = settings.dead_letters.directory
    for key, directory in places.items():
        there = next(each for each in (directory, *directory.parents) if each.exists())
        if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
            yield Finding(Mark.FINE, f"{key}: {directory} {'can be written' if there == directory else 'can be made'}")
        else:
            yield Finding(Mark.WRONG, f"{key}: {there} cannot be written", "give this user the right, or change it")


def _files(source: FilesSource) -> Iterator[Finding]:
    for pattern in source.paths:
        there = [pattern] if Path(pattern).exists() else glob.glob(pattern, recursive=True)  # noqa: PTH207 (absolute)
        if there:
            yield Finding(Mark.FINE, f"source.paths: {pattern}: {len(there):,} found")
        elif source.follow:
            yield Finding(Mark.NOTE, f"source.paths: {pattern}: nothing there yet")
        else:
            yield Finding(
                Mark.FAILED, f"source.paths: {pattern}: nothing there", "put the archives there, or correct it"
            )


def _kafka_source(source: KafkaSource) -> Iterator[Finding]:
    try:
        with Probe(source) as probe:
            partitions = probe.partitions(source.topic)
            yield Finding(Mark.FINE, f"source.bootstrap_servers: Kafka answers at {source.bootstrap_servers}")
            if partitions is None:
                yield _no_topic("source.topic", source.topic)
                return
            yield Finding(Mark.FINE, f"source.topic: {source.topic} has {_count(len(partitions), 'partition')}")
            sample = probe.latest(source.topic, partitions, SAMPLE_RECORDS)
            yield _keyed(source.topic, len(partitions), len(sample), keying(sample))
    except (ProbeError, SecretError) as error:
        yield _unusable("source", source.bootstrap_servers, error)


def _keyed(topic: str, partitions: int, messages: int, seen: Keying) -> Finding:
    where = f"source.topic: {topic}"
    of = f"the latest {_count(messages, 'message')}"
    if not messages:
        return Finding(Mark.NOTE, f"{where} is empty, so its keys are not known yet", "check again when it has events")
    if not seen.events:
        do = "look at them with `python -m flows explain`"
        return Finding(Mark.FAILED, f"{where}: none of {of} holds an Amplitude event", do)
    if partitions > 1 and (against := list(_against(seen))):
        do = "write it with the user_id, else the device_id, as the message's key, or copy it: python -m flows rekey"
        return Finding(Mark.FAILED, f"{where} is not keyed by user, as slices need it: {'; '.join(against)} ({of})", do)
    if partitions == 1 or seen.keyed == seen.events:
        how = "all keys are user ids, else device ids" if seen.keyed == seen.events else "there is but one partition"
        return Finding(Mark.FINE, f"{where} keeps each user's events together: {how} in {of}")
    text = f"{where}: {seen.events - seen.keyed:,} of {_count(seen.events, 'event')} have another key than their user's"
    return Finding(
        Mark.NOTE, f"{text}, though no user was seen on two partitions in {of}", "make sure it is keyed by user"
    )


def _against(seen: Keying) -> Iterator[str]:
    """Yield what shows that a topic of several partitions is not keyed by user."""
    if seen.users_on_several:
        yield f"{seen.users_on_several:,} of {_count(seen.users, 'user')} are on several partitions"
    if seen.mixed:
        yield f"{seen.mixed:,} of {_count(seen.messages, 'message')} hold events of several users"
    if seen.keyed_by_device:
        yield f"{seen.keyed_by_device:,} of {_count(seen.events, 'event')} name a user and are keyed by their device"
    if seen.keyless:
        yield f"{seen.keyless:,} of {_count(seen.messages, 'message')} have no key"


def _kafka_dead_letters(letters: KafkaDeadLetters) -> Iterator[Finding]:
    try:
        with Probe(letters) as probe:
            partitions = probe.partitions(letters.topic)
    except (ProbeError, SecretError) as error:
        yield _unusable("dead_letters", letters.bootstrap_servers, error)
        return
    if partitions is None:
        yield _no_topic("dead_letters.topic", letters.topic)
    else:
        yield Finding(Mark.FINE, f"dead_letters.topic: {letters.topic} has {_count(len(partitions), 'partition')}")


def _no_topic(key: str, topic: str) -> Finding:
    return Finding(Mark.FAILED, f"{key}: there is no topic {topic}", f"create it, or correct {key}")


def _unusable(table: str, servers: str, error: Exception) -> Finding:
    if isinstance(error, SecretError | PropertiesError):
        return Finding(Mark.WRONG, f"{table}.properties: {error}", "correct it")
    text = f"{table}.bootstrap_servers: no use of Kafka at {servers} ({error})"
    return Finding(Mark.FAILED, text, f"start it, or correct {table}.bootstrap_servers or {table}.properties")


def _appsflyer(settings: Settings) -> Iterator[Finding]:
    delivery = settings.delivery
    if delivery.ca_file is not None and not os.access(delivery.ca_file, os.R_OK):
        yield Finding(Mark.WRONG, f"delivery.ca_file: {delivery.ca_file} cannot be read", "correct it, or leave it out")
        return
    kinds = {each.key_kind for each in settings.syncs}
    endpoints = {delivery.endpoint if kind == "s2s_key" else delivery.endpoint_dev_key for kind in kinds}
    for endpoint in sorted(endpoints):
        reason = reach(endpoint, delivery)
        if reason is None:
            tls = " over TLS" if urlsplit(endpoint).scheme == "https" else ""
            yield Finding(Mark.FINE, f"delivery.endpoint: {endpoint} is reached{tls}; no event was sent")
        else:
            do = "allow the way out in the firewall, or see endpoint, proxy and ca_file in [delivery]"
            yield Finding(Mark.FAILED, f"delivery.endpoint: {endpoint} is not reached ({reason})", do)


def reach(endpoint: str, delivery: Delivery) -> str | None:
    """Connect as the stream would, with proxy and TLS, without sending a request. Return what failed, or None."""
    handle = pycurl.Curl()
    try:
        handle.setopt(pycurl.URL, endpoint)
        handle.setopt(pycurl.CONNECT_ONLY, 1)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.PROXY, delivery.proxy or "")
        handle.setopt(pycurl.TIMEOUT_MS, int(ANSWER_SECONDS * 1000))
        handle.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        handle.setopt(pycurl.CAINFO, str(delivery.ca_file or ssl.get_default_verify_paths().cafile or certifi.where()))
        handle.perform()
    except pycurl.error:
        return handle.errstr()
    finally:
        handle.close()
    return None


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
