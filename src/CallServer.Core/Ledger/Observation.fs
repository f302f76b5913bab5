namespace CallServer.Ledger

open System
open CallServer.Model

/// A medium of a connection besides the call's own, such as its video.
type Medium =
    {
        /// As in SDP's `m=`: audio, video, image, …
        Kind: string
        Codec: Codec voption
        Local: MediaAddress voption
        Remote: MediaAddress voption
    }

/// Which way a call goes, as the gateway itself sees it.
type CallDirection =
    /// Somebody calls the gateway on this connection: `incoming`
    | Incoming
    /// The gateway calls somebody on it: `outgoing`
    | Outgoing

    /// The name in lower case.
    override this.ToString() =
        match this with
        | Incoming -> "incoming"
        | Outgoing -> "outgoing"

/// Reads a call's direction.
module CallDirection =
    /// None if it is neither `incoming` nor `outgoing`.
    let tryParse (text: string) : CallDirection option =
        [ Incoming; Outgoing ] |> List.tryFind (fun direction -> string direction = text)

/// What a gateway reports about a connection besides its times. What it does not report is ValueNone, never a
/// guess.
type Facts =
    {
        Call: CallId voption
        /// Where the connection is on the gateway: an interface, a port, an MGCP endpoint.
        Endpoint: string voption
        /// The originating device.
        Originator: string voption
        /// The remote party.
        Remote: string voption
        /// Which way the call goes.
        Direction: CallDirection voption
        Codec: Codec voption
        Qos: QualityOfService
        /// Which way media flows, in MGCP's words (RFC 3435 §2.1.7): sendrecv, sendonly, recvonly, inactive, …
        Mode: string voption
        State: string voption
        /// The address of the call's own medium, as Codec is its codec: the first audio, or the T.38 that
        /// replaced it.
        LocalMedia: MediaAddress voption
        RemoteMedia: MediaAddress voption
        /// The other media in use; an empty list means that there are none, ValueNone that the gateway does
        /// not say.
        OtherMedia: Medium list voption
    }

/// Merges what a gateway reports about one connection.
module Facts =
    /// Nothing is known.
    let none: Facts =
        { Call = ValueNone
          Endpoint = ValueNone
          Originator = ValueNone
          Remote = ValueNone
          Direction = ValueNone
          Codec = ValueNone
          Qos = QualityOfService.unknown
          Mode = ValueNone
          State = ValueNone
          LocalMedia = ValueNone
          RemoteMedia = ValueNone
          OtherMedia = ValueNone }

    /// Whether the two may be equal: one that is not known contradicts nothing.
    let internal mayBeSame (a: 'T voption) (b: 'T voption) =
        match a, b with
        | ValueSome a, ValueSome b -> a = b
        | _ -> true

    // `=` makes nothing where the values are references. Of structs, or with a voption in them, it boxes both sides.
    let inline private isHeld (older: 'T voption) (newer: 'T voption) : bool = newer.IsNone || newer = older

    let inline private isHeldBy
        ([<InlineIfLambda>] same: 'T -> 'T -> bool)
        (older: 'T voption)
        (newer: 'T voption)
        : bool =
        newer.IsNone || (older.IsSome && same older.Value newer.Value)

    let private sameNumber (a: int voption) (b: int voption) =
        a.IsSome = b.IsSome && (a.IsNone || a.Value = b.Value)

    let private isHeldQos (older: QualityOfService) (newer: QualityOfService) =
        not (QualityOfService.isKnown newer)
        || sameNumber older.Dscp newer.Dscp
           && older.Service = newer.Service
           && older.Reported = newer.Reported

    let private isHeldMedia (older: MediaAddress voption) (newer: MediaAddress voption) =
        isHeldBy (fun (a: MediaAddress) b -> a = b) older newer

    /// Whether merging would change nothing. Every audit asks this of every connection, so nothing is made for the answer.
    let internal addsNothing (older: Facts) (newer: Facts) : bool =
        isHeld older.Call newer.Call
        && isHeld older.Endpoint newer.Endpoint
        && isHeld older.Originator newer.Originator
        && isHeld older.Remote newer.Remote
        && isHeld older.Direction newer.Direction
        && isHeldBy
            (fun (a: Codec) b -> a.Name = b.Name && sameNumber a.ClockRate b.ClockRate)
            older.Codec
            newer.Codec
        && isHeldQos older.Qos newer.Qos
        && isHeld older.Mode newer.Mode
        && isHeld older.State newer.State
        && isHeldMedia older.LocalMedia newer.LocalMedia
        && isHeldMedia older.RemoteMedia newer.RemoteMedia
        && isHeld older.OtherMedia newer.OtherMedia

    /// Whether all facts are equal.
    let internal same (a: Facts) (b: Facts) : bool =
        obj.ReferenceEquals(a, b) || addsNothing a b && addsNothing b a

    let private either (newer: 'T voption) (older: 'T voption) = if newer.IsSome then newer else older

    /// The newer facts, filled up with the older ones where the newer are missing (a row may vanish half
    /// read).
    let merge (older: Facts) (newer: Facts) : Facts =
        { Call = either newer.Call older.Call
          Endpoint = either newer.Endpoint older.Endpoint
          Originator = either newer.Originator older.Originator
          Remote = either newer.Remote older.Remote
          Direction = either newer.Direction older.Direction
          Codec = either newer.Codec older.Codec
          Qos = (if QualityOfService.isKnown newer.Qos then newer.Qos else older.Qos)
          Mode = either newer.Mode older.Mode
          State = either newer.State older.State
          LocalMedia = either newer.LocalMedia older.LocalMedia
          RemoteMedia = either newer.RemoteMedia older.RemoteMedia
          OtherMedia = either newer.OtherMedia older.OtherMedia }

/// One connection, as one gateway reported it at one moment.
type Observation =
    {
        Id: ConnectionId
        /// The setup stamp in the gateway's own raw form, if it has one: part of the identity (rules 6 and
        /// 9).
        Stamp: string voption
        /// From the request sent to the reply received that reported it: it was alive at some moment within.
        Heard: Interval
        /// When its call began, ringing included.
        Setup: Timing voption
        /// When it became active; ValueNone means that it was active when heard. An open upper end means that
        /// the start may lie ahead. Reported: it was not active yet when heard, it was ringing. Bounded: the
        /// gateway does not say which.
        Start: Timing voption
        /// A lower bound, from counters, on its age at the moment heard; zero if there are no counters.
        MinimumAge: TimeSpan
        Facts: Facts
    }

/// A connection of which the gateway itself says that it has ended: in its history table, or in its reply to
/// a release.
type Ended =
    {
        Observation: Observation
        End: Timing
        /// The gateway's words for why it ended.
        Cause: string voption
        Counters: Counters voption
        /// The gateway does not say by which id the connection was active: this one is the id of its row in
        /// the history.
        IsRenamed: bool
        /// The row's own index in the history, if it is not made of the connection's id. It stays the same
        /// even if later readings learn the id.
        Row: string voption
    }
