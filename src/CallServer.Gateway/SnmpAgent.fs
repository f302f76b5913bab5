namespace CallServer.Gateway

open System.Text
open CallServer.Model
open CallServer.Wire

/// The entry point of the agent.
module SnmpAgent =
    let private respondV2c
        now
        (community: byte[])
        (pdu: Pdu)
        (state: AgentState)
        : struct (AgentState * Reply list) =
        let isOurs =
            match state.Settings.Community with
            | ValueSome expected -> Encoding.UTF8.GetBytes expected = community
            | ValueNone -> false

        if not isOurs then
            struct (state, [])
        else
            let room = state.Settings.MaxMessage - 48 - community.Length
            let struct (state, reply) = Answering.answer now room pdu state

            match reply with
            | ValueNone -> struct (state, [])
            | ValueSome reply ->
                let datagram = Snmp.encode (V2c(community, reply))

                let datagram =
                    if state.Settings.Vices.OddNumbers then
                        OddNumbers.rewrite datagram
                    else
                        datagram

                struct (state, Answering.sent reply.VarBinds.Length datagram state)

    /// Takes in a datagram. Returns the agent after it, and no reply or one. Never throws, whatever the octets. The table does
    /// not move: call `AgentState.advance` first.
    let respond (now: Instant) (datagram: byte[]) (state: AgentState) : struct (AgentState * Reply list) =
        if now < state.SilentUntil then
            struct (state, [])
        else
            match Snmp.decode datagram with
            | Error _ -> struct (state, [])
            | Ok(V2c(community, pdu)) -> respondV2c now community pdu (AgentState.answering now state)
            | Ok(V3 message) -> AnsweringV3.respond now message datagram (AgentState.answering now state)
