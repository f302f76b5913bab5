namespace CallServer.Wire

open CallServer.Prelude

/// The part of a stream that is not yet a message.
type SipStream = Unframed

/// Splits a stream into messages by Content-Length (RFC 3261 §18.3), however it is cut; empty lines between
/// messages are keep-alives (RFC 5626 §3.5.1).
module SipStream =
    /// A stream of which nothing has been read.
    let empty: SipStream = Unframed.empty

    /// Octets of the message that is not complete: those that are there, or as many as its header section announces.
    let unread (stream: SipStream) : int64 = Unframed.unread stream

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
        Unframed.feed (fun all start -> SipCodec.skipEmptyLines all start all.Length) one octets stream
