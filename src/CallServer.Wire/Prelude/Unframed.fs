namespace CallServer.Prelude

/// The part of a stream that is not yet a message.
[<NoComparison>]
type Unframed =
    internal
        {
            /// Newest first.
            Chunks: byte[] list
            Length: int
            /// How many octets must be there before it is worth looking again.
            Wanted: int
        }

/// Splits a stream into messages, however it is cut. What is not yet a message is joined only when enough of it is there.
module internal Unframed =
    /// A stream of which nothing has been read.
    let empty: Unframed = { Chunks = []; Length = 0; Wanted = 1 }

    /// Octets of the message that is not complete: those that are there, or as many as it announces.
    let unread (stream: Unframed) : int64 =
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

    /// Takes in octets. `skip` gives the offset of the next message's first octet. `one` gives the message there and the offset after it,
    /// or no message and how many octets are needed from there. Returns the messages in order, and the stream after them or the error
    /// after which nothing more of the stream can be understood.
    let feed
        (skip: byte[] -> int -> int)
        (one: byte[] -> int -> Result<struct ('Message voption * int), 'Error>)
        (octets: byte[])
        (stream: Unframed)
        : struct ('Message list * Result<Unframed, 'Error>) =
        let chunks = if octets.Length = 0 then stream.Chunks else octets :: stream.Chunks
        let length = stream.Length + octets.Length

        if length < stream.Wanted then
            struct ([], Ok { stream with Chunks = chunks; Length = length })
        else
            let all = joined chunks length
            let found = ResizeArray<'Message>()

            let rec read start =
                let start = skip all start

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
