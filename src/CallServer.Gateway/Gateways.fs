namespace CallServer.Gateway

open CallServer.Gateway.Mibs
open CallServer.Model

/// Simulated gateways by their profile's name.
module Gateways =
    /// Every MIB, by the name of the profile that audits it.
    let mibs: Mib list =
        [ CiscoVoice.mib
          CiscoXgcp.mib
          AvayaRtp.mib
          AdtranVqm.mib
          FreeSwitch.mib
          Asterisk.mib
          RtpMib.mib
          DialControl.mib ]

    let profiles: string list = mibs |> List.map _.Profile

    let tryMib (profile: string) : Mib option = mibs |> List.tryFind (fun mib -> mib.Profile = profile)

    /// An agent with a table of its own from that seed. Codecs that the MIB cannot tell are left out, and
    /// ringing connections where its table lists media only.
    let create
        (seed: uint64)
        (tableOptions: TableOptions)
        (options: AgentOptions)
        (now: Instant)
        : AgentState =
        let known = tableOptions.Codecs |> Array.filter (fun codec -> Array.contains codec options.Mib.Codecs)

        let tableOptions =
            { tableOptions with
                Codecs = (if known.Length = 0 then options.Mib.Codecs else known)
                ShowRinging = tableOptions.ShowRinging && options.Mib.ListsRinging }

        AgentState.create options (Table.create seed tableOptions now)

    /// An honest agent with SNMPv2c and the community public.
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

    /// A fleet of honest gateways, gw1 to gwN, whose profiles take turns; each has its own seed.
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
