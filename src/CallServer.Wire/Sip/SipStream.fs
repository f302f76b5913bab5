namespace CallServer.Wire

open System

/// The part of a stream that is not yet a message.
[<NoComparison>]
type SipStream =
    internal
        {
            /// Newest first.
            Chunks: byte[] list
            Length: int
            /// How many octets must be there before it is worth looking again.
            Wanted: int
        }

/// Splits a stream into messages by Content-Length (RFC 3261 §18.3), however it is cut; empty lines between
/// messages are keep-alives (RFC 5626 §3.5.1).
module SipStream =
    /// A stream of which nothing has been read.
    let empty: SipStream = { Chunks = []; Length = 0; Wanted = 1 }

    /// Octets of the message that is not complete: those that are there, or as many as its header section announces.
    let unread (stream: SipStream) : int64 =
        if stream.Length = 0 then 0L else int64 (max stream.Length stream.Wanted)

    let private joined (chunks: byte[] list) (length: int) : byte[] =
        match chunks with
        | [ one ] -> one
        | _ ->
            let all = Array.zeroCreate length
            let mutable until = length

            for chunk in chunks do
                until <- until - chunk.Length
                chunk.CopyTo(all, until)

            all

    /// The message at this offset and the octet after it, or how many octets are needed from here.
    let private one (octets: byte[]) (start: int) : Result<struct (SipMessage voption * int), SipError> =
        let available = octets.Length - start

        match SipCodec.headEnd octets start octets.Length with
        | -1 when available > Sip.MaxHead -> Error { Offset = start; Problem = HeadersTooLarge }
        | -1 -> Ok(struct (ValueNone, available + 1))
        | bodyAt when bodyAt - start > Sip.MaxHead -> Error { Offset = start; Problem = HeadersTooLarge }
        | bodyAt ->
            match SipCodec.head octets start bodyAt with
            | Error wrong -> Error wrong
            | Ok { Length = ValueNone } -> Error { Offset = bodyAt; Problem = NoContentLength }
            | Ok { Length = ValueSome length } when length > int64 Sip.MaxBody ->
                Error { Offset = bodyAt; Problem = BodyTooLarge length }
            | Ok { Length = ValueSome length; Start = opening; Headers = headers } ->
                let stop = bodyAt + int length

                if stop > octets.Length then
                    Ok(struct (ValueNone, stop - start))
                else
                    let body = Array.sub octets bodyAt (int length)
                    Ok(struct (ValueSome { Start = opening; Headers = headers; Body = body }, stop))

    /// Takes in octets. Returns the messages they complete, in order, and the stream after them or the error
    /// after which nothing more of the stream can be understood.
    let feed (octets: byte[]) (stream: SipStream) : struct (SipMessage list * Result<SipStream, SipError>) =
        let chunks = if octets.Length = 0 then stream.Chunks else octets :: stream.Chunks
        let length = stream.Length + octets.Length

        if length < stream.Wanted then
            struct ([], Ok { stream with Chunks = chunks; Length = length })
        else
            let all = joined chunks length
            let found = ResizeArray<SipMessage>()

            let rec read start =
                let start = SipCodec.skipEmptyLines all start all.Length

                if start = all.Length then
                    Ok empty
                else
                    match one all start with
                    | Error wrong -> Error wrong
                    | Ok(struct (ValueSome message, next)) ->
                        found.Add message
                        read next
                    | Ok(struct (ValueNone, wanted)) ->
                        let rest = if start = 0 then all else Array.sub all start (all.Length - start)
                        Ok { Chunks = [ rest ]; Length = rest.Length; Wanted = wanted }

            let outcome = read 0
            struct (List.ofSeq found, outcome)
