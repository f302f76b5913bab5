namespace CallServer.Gateway

open System
open System.Text
open CallServer.Wire

/// Writes answers as octets, with the oddities of the gateway.
module internal MgcpWriting =
    /// Codes and names in lower case. Values in which case matters (ids, descriptions) stay as they are.
    let private lowered (parameter: MgcpParameter) : MgcpParameter =
        { parameter with Code = parameter.Code.ToLowerInvariant() }

    /// Adds blanks where RFC 3435 appendix A allows 0*WSP or 1*WSP: around a parameter's value, between the words of the first
    /// line, and at the ends of lines. Session descriptions stay as they are, because MGCP does not define their syntax.
    let private spaced (text: string) : string =
        let headerEnd =
            match text.IndexOf("\r\n\r\n", StringComparison.Ordinal) with
            | -1 -> text.Length
            | at -> at

        let header = text.Substring(0, headerEnd).Split("\r\n")

        let space place (line: string) =
            if line = "" then
                line
            elif place = 0 then
                line.Replace(" ", " \t ") + " "
            else
                match line.IndexOf ':' with
                | -1 -> line
                | colon -> line.Substring(0, colon) + " : \t" + line.Substring(colon + 1).Trim() + " "

        String.Join("\r\n", Array.mapi space header) + text.Substring headerEnd

    let private spell (vices: MgcpVices) (octets: byte[]) : byte[] =
        if not (vices.ExtraSpace || vices.LineFeeds || vices.CarriageReturns) then
            octets
        else
            let text = Encoding.Latin1.GetString octets
            let text = if vices.ExtraSpace then spaced text else text

            Encoding.Latin1.GetBytes(
                if vices.LineFeeds then text.Replace("\r\n", "\n")
                elif vices.CarriageReturns then text.Replace("\r\n", "\r")
                else text
            )

    let private response
        (vices: MgcpVices)
        (transaction: int)
        (answer: MgcpAnswer)
        (extra: MgcpParameter list)
        =
        let parameters = List.toArray (extra @ answer.Parameters)

        { Code = answer.Code
          Transaction = transaction
          Package = answer.Package
          Comment = answer.Comment
          Parameters = (if vices.LowerCase then Array.map lowered parameters else parameters)
          Sessions = List.toArray answer.Sessions }

    /// Writes the answer, or 533 if it would be too large. `extra` comes before its own parameters.
    let answer
        (options: MgcpOptions)
        (transaction: int)
        (answer: MgcpAnswer)
        (extra: MgcpParameter list)
        : byte[] =
        let vices = options.Vices

        let write answer =
            spell vices (Mgcp.encode (MgcpMessage.Response(response vices transaction answer extra)))

        let octets = write answer
        let limit = vices.TooLargeAt |> ValueOption.defaultValue options.MaxMessage |> min options.MaxMessage
        if octets.Length > limit then write (MgcpAnswer.error 533) else octets

    /// Adds the vices of whole datagrams: noise before the answer, an answer that is cut off, or a different protocol.
    let datagrams (vices: MgcpVices) (octets: byte[]) : byte[] list =
        let octets =
            if vices.Foreign then
                Encoding.ASCII.GetBytes "SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
            else
                match vices.TruncatesAt with
                | ValueSome most -> Array.truncate most octets
                | ValueNone -> octets

        [ if vices.Garbage then
              yield [| 0xFFuy; 0x00uy; 0x0Auy; 0x2Euy; 0x0Auy; 0x80uy |]
          yield octets
          if vices.AnswersTwice then
              yield octets ]
