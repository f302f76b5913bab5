namespace CallServer.Gateway

open CallServer.Gateway.Mibs
open CallServer.Model

/// Simulated gateways by the name of their profile.
module Gateways =
    /// Every MIB, by the name of the profile that audits it.
    let mibs: Mib list =
        [ CiscoVoice.mib
          H3cVoice.mib
          H3cVoice.mib3Com
          CiscoXgcp.mib
          AvayaRtp.mib
          AdtranVqm.mib
          AdtranRtp.mib
          AudioCodes.mib
          FreeSwitch.mib
          Asterisk.mib
          RtpMib.mib
          DialControl.mib ]

    let profiles: string list = mibs |> List.map _.Profile

    let tryMib (profile: string) : Mib option = mibs |> List.tryFind (fun mib -> mib.Profile = profile)

    /// The table options that an agent of this MIB can show: without codecs that the MIB cannot express, and without ringing
    /// connections if its table lists media only.
    let private showable (mib: Mib) (options: TableOptions) : TableOptions =
        let known = options.Codecs |> Array.filter (fun codec -> Array.contains codec mib.Codecs)

        { options with
            Codecs = (if known.Length = 0 then mib.Codecs else known)
            ShowRinging = options.ShowRinging && mib.ListsRinging }

    /// An agent with its own table from this seed. Omits codecs that the MIB cannot express, and ringing connections if its table
    /// lists media only.
    let create
        (seed: uint64)
        (tableOptions: TableOptions)
        (options: AgentOptions)
        (now: Instant)
        : AgentState =
        AgentState.create options (Table.create seed (showable options.Mib tableOptions) now)

    /// A gateway with several protocols, each with its name and responder. Its table begins at the first instant and is served
    /// from the second one on; events in between are dropped. Ringing connections are listed only if all protocols list them, as
    /// SIP, ng, JSON-RPC, ARI, RESTCONF and some MIBs do.
    let multi
        (seed: uint64)
        (tableOptions: TableOptions)
        (agent: AgentOptions voption)
        (responders: struct (string * (Table -> Responder)) list)
        (since: Instant)
        (now: Instant)
        : MultiGateway =
        let listsRinging =
            responders
            |> List.forall (fun (struct (protocol, _)) ->
                List.contains protocol [ "sip"; "ng"; "jsonrpc"; "esl"; "ari"; "mi"; "restconf" ])

        let tableOptions = { tableOptions with ShowRinging = tableOptions.ShowRinging && listsRinging }

        let tableOptions =
            agent
            |> ValueOption.fold (fun options (agent: AgentOptions) -> showable agent.Mib options) tableOptions

        let struct (table, _) = Table.create seed tableOptions since |> Table.advance now
        let agent = agent |> ValueOption.map (fun options -> AgentState.create options table)
        let responders = responders |> List.map (fun (struct (_, create)) -> create table)
        MultiGateway.create agent responders table

    /// An honest agent that speaks SNMPv2c with the community `public`.
    let simple
        (profile: string)
        (name: string)
        (seed: uint64)
        (connections: int)
        (churn: float)
        (now: Instant)
        : AgentState =
        match tryMib profile with
        | Some mib ->
            let tableOptions =
                { TableOptions.standard with
                    Connections = connections
                    Churn = churn
                    Codecs = mib.Codecs }

            create seed tableOptions (AgentOptions.ofMib mib name) now
        | None -> invalidArg (nameof profile) $"no such profile: {profile}"

    /// A fleet of honest gateways, gw1 to gwN, which take the profiles in turn. Each has its own seed.
    let fleet
        (profiles: string list)
        (seed: uint64)
        (gateways: int)
        (connections: int)
        (churn: float)
        (now: Instant)
        =
        let profiles = List.toArray profiles

        Array.init gateways (fun place ->
            let own = seed + uint64 (place + 1) * 0x9E3779B97F4A7C15UL
            simple profiles[place % profiles.Length] $"gw{place + 1}" own connections churn now)
