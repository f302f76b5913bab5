namespace CallServer.Protocols.Sip

open CallServer.Ledger
open CallServer.Wire

/// Puts final responses other than 2xx into words that say what to try.
module internal SipRefusal =
    /// Status and reason, such as `401 Unauthorized`, with the text of a Warning if there is one (RFC 3261 §20.43); cut off after 300
    /// characters.
    let words (status: int) (reason: string) (message: SipMessage) : string =
        let warning =
            match Sip.tryHeader "Warning" message with
            | ValueSome text -> $" ({Sip.textOf text})"
            | ValueNone -> ""

        let said = if reason = "" then string status else $"{status} {Sip.textOf reason}"
        let said = said + warning
        if said.Length > 300 then said.Substring(0, 300) + "…" else said

    /// What a final response other than 2xx means for the audit, in words that say what to try.
    let shortfall (status: int) (reason: string) (message: SipMessage) : Shortfall =
        let said = words status reason message

        let refused detail = Refused(RefusalCause.Code status, detail)

        match status with
        | status when status < 400 ->
            let elsewhere =
                match SipFields.values "Contact" message with
                | contact :: _ -> $": ask {Sip.textOf contact} instead"
                | [] -> ""

            refused $"the gateway redirects with {said}{elsewhere}"
        | 403 -> refused $"{said}: this user may not watch its dialogs"
        | 404
        | 410
        | 604 -> refused $"{said}: it knows no such user"
        | 481 -> refused $"{said}: it has no such subscription"
        | 489 -> refused $"{said}: it does not serve the dialog event package"
        | 513 -> TooLarge $"the gateway answers {said}"
        | _ -> refused said
