namespace CallServer.Surface

open System
open System.Collections.Generic
open System.Net
open System.Buffers.Binary
open CallServer.Model
open CallServer.Wire
open CallServer.Accounting

/// What the exchange with a RADIUS server asks its host to do: one method per command.
type IRadiusSink =
    /// Send this datagram to the server, always from the same address and port.
    abstract Send: message: byte[] -> unit
    /// Call Tick at this instant of the steady clock. It replaces an earlier instant.
    abstract WakeAt: instant: Instant -> unit
    /// The server has answered for every entry up to this sequence: the outbox may forget them.
    abstract Done: sequence: int64 -> unit

/// An entry of the store's outbox. `kind` is start, interim or stop, `at` is when it was put there, `json` is
/// a CDR.
[<Sealed; AllowNullLiteral>]
type OutboxEntry(sequence: int64, kind: string, id: string, at: DateTimeOffset, json: string) =
    /// Its place in the outbox.
    member _.Sequence = sequence

    member internal _.Read(nas: RadiusNas) : Result<RadiusEntry, string> =
        let read status = RadiusRecord.read nas sequence status id (Instant.ofDateTime at) json

        match kind with
        | "start" -> read AccountingStatus.Start
        | "interim" -> read AccountingStatus.Interim
        | "stop" -> read AccountingStatus.Stop
        | other -> Error $"of an unknown kind, '{other}'"

/// The exchange with one RADIUS server (RFC 2866) as a machine without clock or socket. Each call gives the
/// next machine. Feed it one event, carry out all commands, then feed the next event.
[<Sealed; AllowNullLiteral>]
type RadiusAccounting
    private
    (
        nas: RadiusNas,
        state: RadiusExchange.State,
        commands: RadiusCommand list,
        unreadable: IReadOnlyList<KeyValuePair<int64, string>>
    ) =
    static let nothing: IReadOnlyList<KeyValuePair<int64, string>> = [||]

    static let address (source: IPAddress) : uint32 voption =
        let octets = if isNull source then [||] else source.GetAddressBytes()

        if octets.Length <> 4 || source.Equals IPAddress.Any then
            ValueNone
        else
            ValueSome(BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan<byte> octets))

    let next (event: RadiusEvent) unreadable =
        let state, commands = RadiusExchange.advance event state
        RadiusAccounting(nas, state, commands, unreadable)

    /// The most requests in flight at once.
    static member Window = 32

    /// Begins. `secret` is shared with the server. `source` becomes NAS-IP-Address if it is an IPv4 address;
    /// null sends none. `timeout`, above zero, is how long the first answer may take. `seed` is fresh
    /// randomness.
    static member Start
        (secret: byte[], nasIdentifier: string, source: IPAddress, timeout: TimeSpan, seed: byte)
        : RadiusAccounting =
        let settings = { Secret = Secret.ofBytes secret; Timeout = timeout; Window = RadiusAccounting.Window }

        let nas = { Identifier = nasIdentifier; Address = address source }
        RadiusAccounting(nas, RadiusExchange.start settings seed, [], nothing)

    /// Takes entries of the outbox after its mark, in its order. Entries that it knows change nothing.
    /// Entries that it cannot send are listed in Unreadable and count as done.
    member _.Offer(now: Moment, entries: IReadOnlyList<OutboxEntry>) : RadiusAccounting =
        let unreadable = ResizeArray<KeyValuePair<int64, string>>()

        let read (entry: OutboxEntry) =
            entry.Read nas
            |> Result.mapError (fun reason ->
                unreadable.Add(KeyValuePair(entry.Sequence, reason))
                entry.Sequence)

        next (RadiusEvent.Offered(now, entries |> Seq.map read |> List.ofSeq)) unreadable

    /// A datagram from the server's address.
    member _.Receive(now: Moment, message: byte[]) : RadiusAccounting =
        next (RadiusEvent.Received(now, message)) nothing

    /// The wake-up time has passed.
    member _.Tick(now: Moment) : RadiusAccounting = next (RadiusEvent.Woke now) nothing

    /// Calls the sink once for each command of the last event, in order.
    member _.Dispatch(sink: IRadiusSink) : unit =
        for command in commands do
            match command with
            | RadiusCommand.Send message -> sink.Send message
            | RadiusCommand.WakeAt instant -> sink.WakeAt instant
            | RadiusCommand.Done sequence -> sink.Done sequence

    /// Sequences of the last offer that cannot be sent, and why.
    member _.Unreadable = unreadable
    /// How many entries after the mark the outbox should offer now; 0 if the exchange has enough to do.
    member _.Wanted = RadiusExchange.wanted state
    /// How many entries it holds that the server has not answered for.
    member _.Outstanding = RadiusExchange.outstanding state
    /// Whether the server has answered nothing for seven time-outs.
    member _.IsAway = RadiusExchange.isAway state

    /// When the oldest of these entries was put into the outbox, on the wall clock; null if there is none.
    member _.OldestAt: Nullable<Instant> =
        match RadiusExchange.oldest state with
        | ValueSome entry -> Nullable entry.At
        | ValueNone -> Nullable()

    /// Packets sent, repeats included.
    member _.Sent = (RadiusExchange.tally state).Sent
    /// Packets that were sent again as they were.
    member _.Repeated = (RadiusExchange.tally state).Repeated
    /// Packets made anew, with another identifier and a fresh Acct-Delay-Time.
    member _.Renewed = (RadiusExchange.tally state).Renewed
    /// Entries that the server answered for.
    member _.Answered = (RadiusExchange.tally state).Answered
    /// Datagrams that answer no request.
    member _.Strays = (RadiusExchange.tally state).Strays
    /// Responses from somebody who does not know the secret.
    member _.Forged = (RadiusExchange.tally state).Forged
