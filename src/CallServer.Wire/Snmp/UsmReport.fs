namespace CallServer.Wire

/// Why an engine could not accept a message (RFC 3414 section 5, usmStats).
type UsmReport =
    | UnsupportedSecLevels
    | NotInTimeWindows
    | UnknownUserNames
    | UnknownEngineIds
    | WrongDigests
    | DecryptionErrors

/// Finds the reason in a Report.
module UsmReport =
    /// usmStats (RFC 3414 section 5).
    let private root = Oid.parse "1.3.6.1.6.3.15.1.1"

    /// All of them, in the order of their counters.
    let all =
        [| UnsupportedSecLevels
           NotInTimeWindows
           UnknownUserNames
           UnknownEngineIds
           WrongDigests
           DecryptionErrors |]

    /// The OID of the counter's instance, with the .0 of a scalar.
    let oid (report: UsmReport) : Oid =
        let arc =
            match report with
            | UnsupportedSecLevels -> 1u
            | NotInTimeWindows -> 2u
            | UnknownUserNames -> 3u
            | UnknownEngineIds -> 4u
            | WrongDigests -> 5u
            | DecryptionErrors -> 6u

        Oid.append root [| arc; 0u |]

    let private named = all |> Array.map (fun report -> struct (oid report, report))

    /// The report whose counter has this OID, with or without the .0; `ValueNone` for any other OID.
    let tryOfOid (name: Oid) : UsmReport voption =
        named
        |> Array.tryFind (fun struct (counter, _) -> counter = name || counter = Oid.child 0u name)
        |> function
            | Some(struct (_, report)) -> ValueSome report
            | None -> ValueNone

    /// The first usmStats counter that a Report names; `ValueNone` for another PDU.
    let tryOfPdu (pdu: Pdu) : UsmReport voption =
        if pdu.Kind <> Report then
            ValueNone
        else
            pdu.VarBinds
            |> Array.tryPick (fun varBind -> tryOfOid varBind.Name |> ValueOption.toOption)
            |> ValueOption.ofOption
