namespace CallServer.Surface

open System
open System.Runtime.InteropServices
open CallServer.Wire

/// What an SNMP notification says about its sender.
type TrapKind =
    /// It restarted, perhaps with another configuration (RFC 3418 coldStart).
    | ColdStart = 0
    /// It restarted with the same configuration (RFC 3418 warmStart).
    | WarmStart = 1
    /// Any other notification.
    | Other = 2

/// Reads the notifications that agents send by themselves: SNMPv1 traps, and notifications of SNMPv2c. It
/// does not read SNMPv3 notifications, which are signed or encrypted for a listener with keys of its own.
[<AbstractClass; Sealed>]
type TrapListener private () =
    /// snmpTrapOID.0, and the two traps of RFC 3418 that report a start.
    static let trapOid = Oid.parse "1.3.6.1.6.3.1.1.4.1.0"
    static let coldStart = Oid.parse "1.3.6.1.6.3.1.1.5.1"
    static let warmStart = Oid.parse "1.3.6.1.6.3.1.1.5.2"

    static let ofV1 (trap: TrapV1) =
        match trap.GenericTrap with
        | GenericTrap.ColdStart -> TrapKind.ColdStart
        | GenericTrap.WarmStart -> TrapKind.WarmStart
        | _ -> TrapKind.Other

    static let ofV2 (pdu: Pdu) =
        let told =
            pdu.VarBinds
            |> Array.tryPick (fun varBind ->
                match varBind.Value with
                | ObjectIdentifier told when varBind.Name = trapOid -> Some told
                | _ -> None)

        if told = Some coldStart then TrapKind.ColdStart
        elif told = Some warmStart then TrapKind.WarmStart
        else TrapKind.Other

    /// Reads a notification. `reply` is what an InformRequest asks for (RFC 3416 section 4.2.7), or null if
    /// none is due. False if it is no notification that can be read; then `mistake` says why.
    static member TryRead
        (
            message: byte[],
            [<Out>] kind: byref<TrapKind>,
            [<Out>] reply: byref<byte[]>,
            [<Out>] mistake: byref<string>
        ) : bool =
        kind <- TrapKind.Other
        reply <- null
        mistake <- null

        match SnmpTrap.decode message with
        | Ok(OfV1 trap) -> kind <- ofV1 trap
        | Ok(Later(V2c(community, pdu))) ->
            match pdu.Kind with
            | TrapV2 -> kind <- ofV2 pdu
            | Inform ->
                kind <- ofV2 pdu
                reply <- Snmp.encode (V2c(community, Pdu.response pdu.RequestId pdu.VarBinds))
            | Get
            | GetNext
            | GetBulk
            | Set
            | Response
            | Report -> mistake <- $"a {pdu.Kind} where a notification is due"
        | Ok(Later(V3 _)) -> mistake <- "a notification of SNMPv3, which is not read"
        | Error error -> mistake <- string error

        isNull mistake
