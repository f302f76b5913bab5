namespace CallServer.Tests.Simulation

open System
open CallServer.Gateway
open CallServer.Model
open CallServer.Ledger
open CallServer.Surface

/// Makes a fleet's gateways, and the audits of them.
module Cast =
    let private timeout = TimeSpan.FromSeconds 1.0

    [<Literal>]
    let private Attempts = 4

    let private table (plan: Plan) (dice: Dice) : TableOptions =
        { TableOptions.standard with
            Connections = dice.Below(plan.Connections + 1)
            Churn = plan.Churn * dice.Fraction()
            Ages = struct (TimeSpan.FromSeconds 1.0, TimeSpan.FromHours 2.0)
            Ringing = struct (TimeSpan.FromSeconds 0.5, TimeSpan.FromSeconds 8.0)
            ShowRinging = dice.Chance 50 }

    let private snmp (plan: Plan) (dice: Dice) (name: string) (profile: string) (start: Instant) : FarEnd =
        let uptime =
            match dice.Below 6 with
            | 0 -> Boot.timeTicksPeriod - TimeSpan.FromSeconds(float (dice.Below 120))
            | 1 -> TimeSpan.FromSeconds(2147483648.0 / 100.0 - float (dice.Below 120))
            | _ -> TimeSpan.FromSeconds(float (100 + dice.Below 30_000_000))

        let mib = Gateways.mibs |> List.find (fun mib -> mib.Profile = profile)
        let options = { AgentOptions.ofMib mib name with Uptime = uptime }
        SnmpEnd(Gateways.create (dice.Next()) (table plan dice) options start)

    /// The gateway of that name and kind, and how it is asked.
    let gateway
        (plan: Plan)
        (dice: Dice)
        (name: string)
        (kind: string)
        (start: Instant)
        : FarEnd * AuditTarget =
        snmp plan dice name kind start,
        AuditTargets.SnmpCommunity(name, "public"B, kind, ProfileCatalog.BuiltIn, timeout, Attempts)
