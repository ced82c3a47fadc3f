"""Fills a running server with months of records and saves their progress reports.

report_record.py URL FOLDER: writes FOLDER/<name>.html for a long record, a short one, an empty one, and one with a lapse
of today that brings a safety note, and of one record what somebody gets who helps: a care team that sees everything, and a
sponsor who sees days and early warnings. The records are the same in every run except for the dates, which end today. It uses
HTTP and only the standard library.
"""

import datetime as dt
import json
import random
import sys
import urllib.error
import urllib.request
import uuid

HOSTILE = "<script>document.title='no'</script> & \"quotes\""
PASSWORD = "rivers bend slowly"
DAYS = 150
ALL_CLASSES = ("abstinence", "warnings", "goals", "plans", "check_ins", "cravings", "use", "medications", "practice", "care",
               "support_contacts", "questionnaires", "safety", "notes")
SITUATIONS = ("unpleasant_emotions", "physical_discomfort", "pleasant_emotions", "testing_personal_control",
              "urges_and_temptations", "interpersonal_conflict", "social_pressure", "pleasant_times_with_others")
MEDICATION = {"name": "Naltrexone", "class": "antagonist", "dose": "50 mg", "route": "oral",
              "schedule": "FREQ=DAILY;BYHOUR=9", "covers_days": 1, "status": "active"}


class Client:
    def __init__(self, url: str, email: str) -> None:
        self.url, self.token = url, None
        answer = self.post("/v1/auth/register", {
            "email": email, "password": PASSWORD, "time_zone": "America/New_York", "country": "US",
        })
        self.token = answer["tokens"]["access_token"]
        self.account = answer["account"]["id"]

    def send(self, method: str, path: str, body=None, accept: str = "application/json") -> bytes:
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Accept", accept)
        data = None
        if body is not None:
            request.add_header("Content-Type", "application/json")
            data = json.dumps(body).encode()
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, data) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from error

    def post(self, path: str, body) -> dict:
        return json.loads(self.send("POST", path, body))

    def push(self, kind: str, record: dict) -> str:
        """Stores a record with a sync request."""
        record_id = str(uuid.uuid4())
        change = {"kind": kind, "id": record_id, "op": "upsert", "record": record}
        result = self.post("/v1/sync", {"cursor": None, "changes": [change], "limit": 1})["results"][0]
        if result["status"] != "applied":
            raise SystemExit(f"{kind}: {result}")
        return record_id


def at(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="seconds")


def live(client: Client, days: int) -> None:
    dice = random.Random(42)
    zone = dt.timezone(dt.timedelta(hours=-5))
    now = dt.datetime.now(zone) - dt.timedelta(minutes=5)
    start = (now - dt.timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
    client.post("/v1/goals", {
        "substance": "alcohol", "kind": "abstain", "started_on": str(start.date()), "label": HOSTILE,
        "baseline": {"cost_minor_per_day": 1450, "currency": "USD", "minutes_per_day": 150},
    })
    client.post("/v1/goals", {
        "substance": "nicotine", "kind": "reduce", "started_on": str((start + dt.timedelta(days=days // 2)).date()),
    })
    triggers = [str(uuid.UUID(int=n, version=4)) for n in range(1, 6)]
    strategies = [str(uuid.UUID(int=n, version=4)) for n in range(11, 17)]
    labels = ["Payday", "An argument at home", "Passing the old bar on the way back from work", "Lonely evenings", HOSTILE]
    ways = ["Call Robin", "Walk around the lake with the dog, all the way to the bridge and back again", "Urge surfing",
            "Cold water", "Ten minutes of delay", HOSTILE]
    plan = client.post("/v1/plans", {
        "kind": "relapse_prevention", "title": "My plan",
        "content": {
            "triggers": [{"id": i, "kind": "external", "label": l} for i, l in zip(triggers, labels)],
            "strategies": [{"id": i, "category": "delay", "label": l} for i, l in zip(strategies, ways)],
        },
    })
    client.send("POST", f"/v1/plans/{plan['id']}/activate")
    medication = client.push("medications", MEDICATION | {"started_on": str(start.date())})
    for n in range(days + 1):
        day = start + dt.timedelta(days=n)
        strain = 6.5 - 4 * n / days + (3 if n % 31 in (12, 13) else 0)
        rating = lambda middle: max(0, min(10, round(dice.gauss(middle, 1.4))))
        used = n in (days // 3, days // 3 + 1, days * 4 // 5)
        for kind, hour in (("morning", 8), ("evening", 21)):
            moment = day + dt.timedelta(hours=hour, minutes=dice.randrange(50))
            if moment > now or dice.random() < 0.2 or 40 <= n < 46:
                continue
            client.post("/v1/check-ins", {
                "kind": kind, "occurred_at": at(moment), "answers": {
                    "craving": rating(strain), "mood": rating(8.5 - strain / 1.5), "stress": rating(strain),
                    "self_efficacy": rating(9 - strain / 2), "sleep_minutes": 420, "sleep_quality": rating(6),
                } | ({"used": "yes" if used else "no"} if kind == "evening" else {}),
            })
        for _ in range(dice.choice((0, 0, 1, 1, 2))):
            moment = day + dt.timedelta(hours=dice.choice((7, 12, 17, 18, 18, 19, 20, 22)), minutes=dice.randrange(60))
            if moment > now:
                continue
            before = rating(7)
            tried = dice.randrange(len(strategies))
            client.post("/v1/craving-events", {
                "occurred_at": at(moment), "trigger_ids": dice.sample(triggers, dice.randrange(1, 3)),
                "category": dice.choice(("unpleasant_emotions", "social_pressure", "urges_and_temptations")),
                "outcome": "used" if used else "rode_it_out",
                "ratings": [{"offset_s": 0, "value": before}, {"offset_s": 1200, "value": max(0, before - 3)}],
                "strategy_uses": [{
                    "strategy_id": strategies[tried], "before": before,
                    "after": max(0, min(10, before - round(dice.gauss(4 - tried * 0.8, 1.5)))),
                }],
            })
        if used:
            client.post("/v1/use-events", {
                "substance": "alcohol", "occurred_at": at(min(now, day + dt.timedelta(hours=20))), "self_label": "lapse",
            })
        moment = day + dt.timedelta(hours=9)
        if moment <= now and dice.random() < 0.85:
            client.push("doses", {
                "medication_id": medication, "occurred_at": at(moment), "status": "taken",
            })
        if n % 45 == 5:
            client.push("self-efficacy-profiles", {
                "occurred_at": at(moment), "confidence": {name: min(100, rating(4 + n / 40) * 10) for name in SITUATIONS},
            })


def lapse_today(client: Client) -> None:
    now = dt.datetime.now(dt.timezone(dt.timedelta(hours=-5))) - dt.timedelta(minutes=5)
    client.post("/v1/goals", {
        "substance": "opioid_heroin", "kind": "abstain", "started_on": str(now.date() - dt.timedelta(days=20)),
    })
    client.post("/v1/use-events", {"substance": "opioid_heroin", "occurred_at": at(now), "self_label": "lapse"})


def shared_report(person: Client, helper: Client, classes: tuple[str, ...]) -> bytes:
    """The report of a person that a helper gets with a consent for some classes."""
    invitation = person.post("/v1/invitations", {"role": "supporter", "relationship": "sponsor"})
    helper.post("/v1/invitations/accept", {"code": invitation["code"], "display_name": "Robin"})
    person.send("POST", f"/v1/invitations/{invitation['id']}/confirm")
    consent = person.post("/v1/consents", {
        "type": "named_disclosure", "discloser": "Mainstay", "recipients": [{"account_id": helper.account}],
        "data_classes": classes, "purposes": ["recovery_support"], "expires_at": "2199-01-01T00:00:00Z",
        "signer_relationship": "patient", "statements_accepted": ["right_to_revoke"],
    })
    person.post(f"/v1/consents/{consent['id']}/sign", {"name": "Sam Example", "password": PASSWORD})
    return helper.send("GET", f"/v1/shared/{person.account}/reports/progress?window=90d", accept="text/html")


def main() -> None:
    url, folder = sys.argv[1:3]
    for name, days, window in (("long", DAYS, "all"), ("quarter", DAYS, "90d"), ("short", 12, "30d"), ("empty", 0, "90d"),
                               ("danger", 12, "30d")):
        client = Client(url, f"{name}@example.org")
        if days:
            live(client, days)
        if name == "danger":
            lapse_today(client)
        page = client.send("GET", f"/v1/reports/progress?window={window}", accept="text/html")
        with open(f"{folder}/{name}.html", "wb") as file:
            file.write(page)
        if name != "quarter":
            continue
        for helper, classes in (("care-team", ALL_CLASSES), ("sponsor", ("abstinence", "warnings"))):
            page = shared_report(client, Client(url, f"{helper}@example.org"), classes)
            with open(f"{folder}/shared-{helper}.html", "wb") as file:
                file.write(page)


if __name__ == "__main__":
    main()
