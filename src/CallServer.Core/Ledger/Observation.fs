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

/// What is told of a connection besides its times. A field that the gateway does not tell is ValueNone, never a guess.
type Facts =
    {
        Call: CallId voption
        /// Where the connection is on the gateway: an interface, a port, an MGCP endpoint.
        Endpoint: string voption
        /// The originating device.
        Originator: string voption
        /// The remote party.
        Remote: string voption
        Codec: Codec voption
        Qos: QualityOfService
        /// Which way media flows, in MGCP's words (RFC 3435 §2.1.7): sendrecv, sendonly, recvonly, inactive, …
        Mode: string voption
        State: string voption
        /// Of the call's own medium, as the codec is: the first audio, or the T.38 that took its place.
        LocalMedia: MediaAddress voption
        RemoteMedia: MediaAddress voption
        /// The others that are in use; an empty list says that there are none.
        OtherMedia: Medium list voption
    }

module Facts =
    let none: Facts =
        { Call = ValueNone
          Endpoint = ValueNone
          Originator = ValueNone
          Remote = ValueNone
          Codec = ValueNone
          Qos = QualityOfService.unknown
          Mode = ValueNone
          State = ValueNone
          LocalMedia = ValueNone
          RemoteMedia = ValueNone
          OtherMedia = ValueNone }

    /// What one of them does not tell contradicts nothing.
    let internal mayBeSame (a: 'T voption) (b: 'T voption) =
        match a, b with
        | ValueSome a, ValueSome b -> a = b
        | _ -> true

    let private either (newer: 'T voption) (older: 'T voption) = if newer.IsSome then newer else older

    /// The newer facts; what they do not tell stays as the older ones told it (a row may vanish half read).
    let merge (older: Facts) (newer: Facts) : Facts =
        { Call = either newer.Call older.Call
          Endpoint = either newer.Endpoint older.Endpoint
          Originator = either newer.Originator older.Originator
          Remote = either newer.Remote older.Remote
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
        /// The setup stamp in the gateway's own raw form, where it has one: part of the identity (rules 6 and 9).
        Stamp: string voption
        /// From the request sent to the reply received that told of it: it was alive at some moment within.
        Heard: Interval
        /// When its call began, ringing included.
        Setup: Timing voption
        /// When it became active. An open upper end says that this lies ahead or may lie ahead: reported, that it was not active
        /// yet when heard (it rings); bounded, that the gateway does not tell which. Nothing at all: it was active when heard.
        Start: Timing voption
        /// A lower bound on its age at the moment heard, from counters; zero where there are none.
        MinimumAge: TimeSpan
        Facts: Facts
    }

/// A connection that the gateway itself says has ended: its history table, its reply to a release.
type Ended =
    {
        Observation: Observation
        End: Timing
        /// The gateway's words for why.
        Cause: string voption
        Counters: Counters voption
        /// The gateway does not tell by which id the connection was active: the one given here is that of its row in the history.
        IsRenamed: bool
        /// The row's own index in the history, where that is not made of the connection's id: it stays the same though later
        /// readings may learn the id.
        Row: string voption
    }
