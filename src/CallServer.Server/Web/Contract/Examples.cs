namespace CallServer.Server.Web.Contract;

/// <summary>Examples of the bodies of answers and orders, as the OpenAPI document shows them.</summary>
internal static class Examples
{
    public const string Alive = """{"alive":true}""";

    public const string Ready = """
        {
          "ready": true,
          "storeHealthy": true,
          "store": {
            "reason": null,
            "pendingGateways": 0,
            "pendingCdrs": 0
          },
          "cdrFile": {
            "reason": null
          },
          "radius": null,
          "cdrHttp": null
        }
        """;

    public const string History = """
        {
          "asOf": "2026-01-31T10:00:05.000000Z",
          "everySeconds": 10,
          "samples": [
            {
              "time": "2026-01-31T10:00:00.000000Z",
              "connections": 500,
              "unconfirmed": 0,
              "cdrs": 42,
              "waiting": 0
            }
          ]
        }
        """;

    public const string Hosts = """
        {
          "asOf": "2026-01-31T10:00:05.000000Z",
          "units": 1024,
          "free": 0,
          "items": [
            {
              "host": "cs-1",
              "state": "active",
              "self": true,
              "address": "10.0.0.1:11111",
              "units": 512,
              "gateways": 100,
              "since": "2026-01-31T08:00:00.000000Z",
              "alive": "2026-01-31T10:00:02.000000Z",
              "took": "2026-01-31T09:30:00.000000Z"
            },
            {
              "host": "cs-2",
              "state": "active",
              "self": false,
              "address": "10.0.0.2:11111",
              "units": 512,
              "gateways": 102,
              "since": "2026-01-31T09:29:50.000000Z",
              "alive": "2026-01-31T10:00:01.000000Z",
              "took": "2026-01-31T09:30:00.000000Z"
            }
          ],
          "next": null
        }
        """;

    public const string Status = """
        {
          "name": "cs-a",
          "role": "primary",
          "epoch": 1,
          "peer": null,
          "ready": true,
          "uptimeSeconds": 12.3,
          "connections": 500,
          "gateways": {
            "total": 3,
            "complete": 2,
            "partial": 1,
            "silent": 0
          },
          "troubles": []
        }
        """;

    public const string Server = """
        {
          "name": "cs-a",
          "version": "0.1.0",
          "role": "primary",
          "acts": true,
          "epoch": 1,
          "peer": null,
          "since": "2026-01-31T08:00:00.000000Z",
          "ready": true,
          "protocols": [
            "snmp",
            "mgcp",
            "sip",
            "ng"
          ],
          "cdrForms": [
            "file"
          ],
          "troubles": [],
          "limits": {
            "items": 1000,
            "bodyOctets": 65536,
            "controlsPerSecond": 50,
            "eventReaders": 100,
            "memoryOctets": 2500000000,
            "gatewaysInFlight": 256,
            "changesKept": 100000,
            "auditsKept": 100,
            "cdrsKept": 10000000,
            "cdrsKeptFor": "90d"
          }
        }
        """;

    public const string Gateway = """
        {
          "gateway": "gw1",
          "uri": "snmp://192.0.2.10?profile=cisco-voice",
          "configured": true,
          "interval": "10s",
          "status": "complete",
          "protocol": "snmp",
          "profile": "cisco-voice",
          "proof": [
            "end-of-table",
            "same-boot",
            "count-agrees"
          ],
          "reasons": [],
          "asked": "2026-01-31T10:00:00.000000Z",
          "answered": "2026-01-31T10:00:00.084000Z",
          "requests": 12,
          "connections": 120,
          "unconfirmed": 0,
          "opened": 5210,
          "closed": 5090,
          "conflicts": 0,
          "unseen": null,
          "lastComplete": "2026-01-31T10:00:00.084000Z"
        }
        """;

    public const string Connection = """
        {
          "gateway": "gw1",
          "id": "c101",
          "call": "call-1@example.net",
          "endpoint": "S2/DS1-0/1",
          "originator": "+41790000001",
          "remote": "+442055550123",
          "direction": "incoming",
          "codec": "PCMU",
          "clockRate": 8000,
          "qos": {
            "dscp": 46,
            "service": null,
            "reported": "b8"
          },
          "setup": {
            "earliest": "2026-01-31T09:58:55.120000Z",
            "latest": "2026-01-31T09:58:55.140000Z",
            "evidence": "reported"
          },
          "start": {
            "earliest": "2026-01-31T09:58:59.990000Z",
            "latest": "2026-01-31T09:59:00.010000Z",
            "evidence": "reported"
          },
          "ageSeconds": {
            "min": 59.99,
            "max": 60.01
          },
          "mode": "sendrecv",
          "state": "active",
          "localMedia": "192.0.2.1:16384",
          "remoteMedia": "192.0.2.9:20000",
          "status": "confirmed",
          "firstHeard": "2026-01-31T09:59:05.000000Z",
          "lastHeard": "2026-01-31T10:00:00.000000Z",
          "confirmedCount": 6,
          "recovered": false,
          "conflicts": 0
        }
        """;

    public const string Count = """
        {
          "asOf": "2026-01-31T10:00:00.000000Z",
          "complete": true,
          "incomplete": [],
          "by": "codec",
          "connections": 120,
          "calls": 64,
          "keys": 2,
          "items": [
            {
              "key": "PCMU",
              "connections": 100,
              "calls": 54
            },
            {
              "key": "G729",
              "connections": 20,
              "calls": 10
            }
          ],
          "next": null
        }
        """;

    public const string Recovery = """
        {
          "server": "cs-b",
          "epoch": 2,
          "cause": "peer-silent",
          "decided": "2026-01-31T10:00:01.100000Z",
          "lastHeard": "2026-01-31T10:00:00.000000Z",
          "detectionSeconds": 1.1,
          "whole": true,
          "recoverySeconds": 0.7,
          "halfSeconds": 0.3,
          "ninetySeconds": 0.6,
          "gateways": {
            "total": 1,
            "complete": 1,
            "partial": 0,
            "silent": 0,
            "waiting": 0
          },
          "connections": {
            "recovered": 15,
            "confirmed": 422,
            "ended": 13,
            "unknown": 0
          },
          "unseen": {
            "least": 3,
            "most": 4,
            "gateways": 1
          },
          "starts": {
            "bounded": 437,
            "unbounded": 0,
            "medianSeconds": 0.02,
            "worstSeconds": 10.4
          },
          "secondsAtRisk": 22.5,
          "atRisk": {
            "active": 10.5,
            "ended": 12.0,
            "unknown": 0.0
          },
          "byGateway": [
            {
              "gateway": "gw1",
              "outcome": "complete",
              "reasons": [],
              "answered": 0.7,
              "recovered": 15,
              "confirmed": 422,
              "ended": 13,
              "unknown": 0
            }
          ]
        }
        """;

    public const string Asked = """{"gateway":"gw1","asked":true}""";

    public const string ReleaseBody =
        """{"gateway":"gw1","connection":"c101","reason":"forgotten by the proxy","by":"ops@noc1"}""";

    public const string Released = """
        {
          "gateway": "gw1",
          "connection": "c101",
          "released": true,
          "by": "ops@noc1",
          "reason": "forgotten by the proxy",
          "counters": null,
          "cdr": "0f0c7f5e-5d2c-5a0e-9f3b-1d2c3b4a5f60"
        }
        """;

    public const string Greeting = """
        {
          "server": "cs-b",
          "epoch": 2,
          "role": "active",
          "handsOver": false,
          "anew": false,
          "heartbeatMs": 250,
          "misses": 4
        }
        """;

    public const string Problem = """
        {
          "type": "about:blank",
          "title": "A parameter is wrong",
          "status": 400,
          "detail": "limit '0' is not a number from 1 to 1000",
          "parameters": {
            "limit": "'0' is not a number from 1 to 1000"
          }
        }
        """;

    private const string Audit = """
        {
          "gateway": "gw1",
          "uri": "snmp://192.0.2.10?profile=cisco-voice",
          "protocol": "snmp",
          "profile": "cisco-voice",
          "complete": true,
          "silent": false,
          "proof": [
            "end-of-table",
            "same-boot",
            "count-agrees"
          ],
          "reasons": [],
          "asked": "2026-01-31T10:00:00.000000Z",
          "answered": "2026-01-31T10:00:00.084000Z",
          "requests": 12,
          "count": 120
        }
        """;

    private const string CallItem = """
        {
          "call": "call-1@example.net",
          "sources": [
            "gw1",
            "gw2"
          ],
          "connections": [
            "gw1/c101",
            "gw2/c111"
          ],
          "originator": "+41790000001",
          "start": {
            "earliest": "2026-01-31T09:58:59.990000Z",
            "latest": "2026-01-31T09:59:00.010000Z",
            "evidence": "reported"
          },
          "findings": []
        }
        """;

    private const string Finding = """
        {
          "kind": "one-sided",
          "since": "2026-01-31T10:00:02.000000Z",
          "text": "gw1/c101 is over, gw2/c111 is still up",
          "call": "call-1@example.net",
          "sources": [
            "gw2"
          ],
          "connections": [
            "gw2/c111"
          ],
          "originator": "+41790000001"
        }
        """;

    private const string ReleaseItem = """
        {
          "gateway": "gw1",
          "connection": "c101",
          "by": "ops@noc1",
          "reason": "forgotten by the proxy",
          "asked": "2026-01-31T10:00:00.000000Z",
          "outcome": "released",
          "detail": null
        }
        """;

    private const string Cdr = """
        {
          "id": "0f0c7f5e-5d2c-5a0e-9f3b-1d2c3b4a5f60",
          "uuid": "0f0c7f5e-5d2c-5a0e-9f3b-1d2c3b4a5f60",
          "call": "call-1@example.net",
          "gateway": "gw1",
          "originator": "+41790000001",
          "remote": "+442055550123",
          "read_codec": "PCMU",
          "qos": {
            "dscp": 46,
            "service": null,
            "reported": "b8"
          },
          "start_stamp": "2026-01-31T09:58:55.140000Z",
          "answer_stamp": "2026-01-31T09:59:00.010000Z",
          "answer_stamp_min": "2026-01-31T09:58:59.990000Z",
          "answer_stamp_max": "2026-01-31T09:59:00.010000Z",
          "end_stamp": "2026-01-31T10:00:00.000000Z",
          "end_stamp_min": "2026-01-31T10:00:00.000000Z",
          "end_stamp_max": "2026-01-31T10:00:10.000000Z",
          "duration": 64,
          "billsec": 59,
          "billsec_min": 59,
          "billsec_max": 71,
          "hangup_cause": "NORMAL_UNSPECIFIED",
          "start_evidence": "reported",
          "end_evidence": "absent",
          "recovered": false,
          "last_confirmed": "2026-01-31T10:00:00.000000Z",
          "confirmed_count": 6,
          "id_reused": false,
          "connection": "c101",
          "epoch": 1,
          "server": "cs-a",
          "sources": [
            "gw1"
          ],
          "counters": null,
          "released_by": null,
          "release_reason": null,
          "partial": false,
          "record_seq": 1,
          "clock_steps": null
        }
        """;

    private const string Steps = """
        [
          {
            "sequence": 4711,
            "kind": "opened",
            "time": "2026-01-31T09:59:05.000000Z",
            "detail": "start [2026-01-31T09:58:59.990000Z, 2026-01-31T09:59:00.010000Z] reported",
            "was": null,
            "setup": {
              "before": null,
              "after": null
            },
            "start": {
              "before": null,
              "after": {
                "earliest": "2026-01-31T09:58:59.990000Z",
                "latest": "2026-01-31T09:59:00.010000Z",
                "evidence": "reported"
              }
            },
            "end": {
              "before": null,
              "after": null
            },
            "reported": null,
            "facts": []
          },
          {
            "sequence": 4800,
            "kind": "closed",
            "time": "2026-01-31T10:00:10.000000Z",
            "detail": "end [2026-01-31T10:00:00.000000Z, 2026-01-31T10:00:10.000000Z] absent",
            "was": null,
            "setup": {
              "before": null,
              "after": null
            },
            "start": {
              "before": {
                "earliest": "2026-01-31T09:58:59.990000Z",
                "latest": "2026-01-31T09:59:00.010000Z",
                "evidence": "reported"
              },
              "after": {
                "earliest": "2026-01-31T09:58:59.990000Z",
                "latest": "2026-01-31T09:59:00.010000Z",
                "evidence": "reported"
              }
            },
            "end": {
              "before": null,
              "after": {
                "earliest": "2026-01-31T10:00:00.000000Z",
                "latest": "2026-01-31T10:00:10.000000Z",
                "evidence": "absent"
              }
            },
            "reported": null,
            "facts": []
          }
        ]
        """;

    public static readonly string Gateways = List(Gateway);
    public static readonly string Audits = List(Audit, "4710");
    public static readonly string Connections = List(Connection, "Z3cxCmMxMDE");
    public static readonly string Calls = List(CallItem);
    public static readonly string Call = $"{CallItem[..^1]},\"legs\":[{Connection}],\"ended\":[]}}";
    public static readonly string Findings = List(Finding);
    public static readonly string Cdrs = List(Cdr, "17");
    public static readonly string Releases = List(ReleaseItem);
    public static readonly string Recoveries = List(Recovery);
    public static readonly string ControlLog = List(
        """{"time":"2026-01-31T10:00:00.000000Z","who":"control token","from":"192.0.2.7","verb":"POST /v1/takeover","what":"epoch=7","status":202,"result":"accepted","count":1}"""
    );
    public static readonly string Story =
        $$"""{"gateway":"gw1","connection":"c101","active":false,"whole":true,"steps":{{Steps}},"now":null,"cdr":{{Cdr}}}""";

    /// <summary>The first columns of two lines.</summary>
    public const string CdrCsv = """
        id,uuid,call,gateway,originator,remote,read_codec,qos_dscp
        0f0c7f5e-5d2c-5a0e-9f3b-1d2c3b4a5f60,0f0c7f5e-5d2c-5a0e-9f3b-1d2c3b4a5f60,call-1@example.net,gw1,'+41790000001,'+442055550123,PCMU,46
        """;

    /// <summary>A client that comes back.</summary>
    public const string Events = """
        id: 4711
        event: opened
        data: {"kind":"opened","gateway":"gw1","connection":"c101","time":"2026-01-31T09:59:05.000000Z","detail":null}

        id: 4711
        event: complete
        data: {"upTo":4711}
        """;

    private static string List(string item, string? next = null)
    {
        var cursor = next is null ? "null" : $"\"{next}\"";
        return $$"""{"asOf":"2026-01-31T10:00:00.000000Z","complete":true,"incomplete":[],"items":[{{item}}],"next":{{cursor}}}""";
    }
}
