namespace CallServer.Wire

open System
open System.Text

/// Reads and writes dialog-info documents (RFC 4235 §4).
module DialogInfoCodec =
    /// Reads a document whose Content-Type names no charset, or says what is wrong. Never throws.
    let decode (octets: byte[]) : Result<DialogInfo, DialogInfoError> = DialogInfoXml.read ValueNone octets

    /// Reads a document whose Content-Type names a charset, which takes precedence over the declared one (RFC
    /// 7303 §3.2).
    let decodeAs (charset: string voption) (octets: byte[]) : Result<DialogInfo, DialogInfoError> =
        DialogInfoXml.read charset octets

    /// Escapes the characters that cannot stand in text or in an attribute.
    let private escaped (text: string) : string =
        if text.AsSpan().IndexOfAny("&<>\"\t\r\n") < 0 then
            text
        else
            let made = StringBuilder(text.Length + 16)

            for c in text do
                match c with
                | '&' -> made.Append "&amp;"
                | '<' -> made.Append "&lt;"
                | '>' -> made.Append "&gt;"
                | '"' -> made.Append "&quot;"
                | '\t' -> made.Append "&#9;"
                | '\r' -> made.Append "&#13;"
                | '\n' -> made.Append "&#10;"
                | other -> made.Append other
                |> ignore

            made.ToString()

    let private putParty (text: StringBuilder) (name: string) (party: DialogParty option) : unit =
        match party with
        | None -> ()
        | Some party ->
            text.Append("    <").Append(name).Append(">\n") |> ignore

            if party.Identity <> "" || party.Display <> "" then
                text.Append("      <identity") |> ignore

                if party.Display <> "" then
                    text.Append(" display=\"").Append(escaped party.Display).Append('"') |> ignore

                text.Append('>').Append(escaped party.Identity).Append("</identity>\n") |> ignore

            if party.Target <> "" then
                text.Append("      <target uri=\"").Append(escaped party.Target).Append("\"/>\n") |> ignore

            if party.Session <> "" then
                text
                    .Append("      <session-description type=\"application/sdp\">")
                    .Append(escaped party.Session)
                    .Append("</session-description>\n")
                |> ignore

            text.Append("    </").Append(name).Append(">\n") |> ignore

    let private putAttribute (text: StringBuilder) (name: string) (value: string) : unit =
        if value <> "" then
            text.Append(' ').Append(name).Append("=\"").Append(escaped value).Append('"') |> ignore

    let private putDialog (text: StringBuilder) (dialog: Dialog) : unit =
        text.Append "  <dialog" |> ignore
        putAttribute text "id" dialog.Id
        putAttribute text "call-id" dialog.CallId
        putAttribute text "local-tag" dialog.LocalTag
        putAttribute text "remote-tag" dialog.RemoteTag

        dialog.Direction
        |> ValueOption.iter (fun direction ->
            putAttribute text "direction" (DialogInfo.directionWord direction))

        text.Append(">\n    <state") |> ignore
        putAttribute text "event" dialog.Event

        text.Append('>').Append(escaped (DialogInfo.stateWord dialog.State)).Append("</state>\n") |> ignore

        dialog.Duration
        |> ValueOption.iter (fun seconds ->
            text.Append("    <duration>").Append(seconds).Append("</duration>\n") |> ignore)

        putParty text "local" dialog.Local
        putParty text "remote" dialog.Remote
        text.Append "  </dialog>\n" |> ignore

    /// The document in UTF-8.
    let encode (info: DialogInfo) : byte[] =
        let text = StringBuilder()
        text.Append("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<dialog-info") |> ignore
        putAttribute text "xmlns" DialogInfo.Namespace
        info.Version |> ValueOption.iter (fun version -> putAttribute text "version" (string version))
        putAttribute text "state" (if info.IsFull then "full" else "partial")
        putAttribute text "entity" info.Entity
        text.Append ">\n" |> ignore

        for dialog in info.Dialogs do
            putDialog text dialog

        text.Append "</dialog-info>\n" |> ignore
        Encoding.UTF8.GetBytes(text.ToString())
