namespace CallServer.Protocols.Ari

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What questions about one channel told, besides what the list tells.
type internal AriDetail =
    {
        Codec: Codec voption
        Qos: QualityOfService
        /// In microseconds since 1970 by Asterisk's own clock.
        Answered: int64 voption
        /// Asterisk has no such channel, whatever its list says.
        IsGone: bool
    }

/// Makes observations from Asterisk's channels. A channel is one connection.
module internal AriObserving =
    /// A list shows what channels last published. Up to version 15 a cache behind a queue did so, which may lag.
    let staleness = TimeSpan.FromSeconds 1.0

    let unasked: AriDetail =
        { Codec = ValueNone
          Qos = QualityOfService.unknown
          Answered = ValueNone
          IsGone = false }

    let isUp (channel: AriChannel) : bool = channel.State = "Up"

    /// Whether it was answered; ValueNone for a state that does not say.
    let private isAnswered (channel: AriChannel) : bool voption =
        match channel.State with
        | "Up" -> ValueSome true
        | "Down"
        | "Rsrvd"
        | "OffHook"
        | "Dialing"
        | "Dialing Offhook"
        | "Pre-ring"
        | "Ring"
        | "Ringing"
        | "Busy" -> ValueSome false
        | _ -> ValueNone

    /// Somebody calls Asterisk on a channel that is in the state Ring; Asterisk calls somebody on one whose application is Dial's other end.
    let private directionOf (channel: AriChannel) : CallDirection voption =
        if channel.State = "Ring" then
            ValueSome Incoming
        elif channel.Application.StartsWith("AppDial", StringComparison.Ordinal) then
            ValueSome Outgoing
        else
            ValueNone

    let private text (words: string) : string voption = if words = "" then ValueNone else ValueSome words

    /// The codec in a list of formats such as `(ulaw)`; nothing where there are several, because Asterisk does not say which one is in use.
    let codecOf (formats: string) : Codec voption =
        match formats.Trim('(', ')', ' ') with
        | ""
        | "nothing"
        | "none" -> ValueNone
        | several when several.Contains '|' -> ValueNone
        | format -> ValueSome(Codec.ofName format)

    let private milliseconds (seconds: float) : string = $"{int64 (Math.Round(seconds * 1000.0))} ms"

    /// In whole percents and milliseconds, so that they change no more often than they mean something.
    let qosOf (statistics: AriStatistics) : QualityOfService =
        let expected = statistics.Received + statistics.Lost

        let words =
            [ if expected > 0L then
                  $"loss {int64 (Math.Round(100.0 * float statistics.Lost / float expected))} %%"
              match statistics.Jitter with
              | ValueSome jitter when jitter >= 0.0 && jitter < 1e6 -> "jitter " + milliseconds jitter
              | ValueSome _
              | ValueNone -> ()
              match statistics.RoundTrip with
              | ValueSome time when time > 0.0 && time < 1e6 -> "round trip " + milliseconds time
              | ValueSome _
              | ValueNone -> () ]

        if words.IsEmpty then
            QualityOfService.unknown
        else
            QualityOfService.ofWords (String.concat ", " words)

    let private startOf clock (heard: Interval) (setup: Timing voption) detail channel : Timing =
        let since =
            match setup with
            | ValueSome setup -> Instant.min setup.Within.Earliest heard.Latest
            | ValueNone -> Instant.distantPast

        let answered =
            detail.Answered |> ValueOption.bind (fun at -> AriClock.happenedAt heard.Latest at clock)

        match isAnswered channel, answered with
        | ValueSome true, ValueSome at -> Timing.reported at
        | ValueSome true, ValueNone -> Timing.bounded (Interval.create since heard.Latest)
        | ValueSome false, _ -> Timing.reported (Interval.from (heard.Earliest - staleness))
        | ValueNone, _ -> Timing.bounded (Interval.create since Instant.distantFuture)

    /// The connection of a channel; nothing if it has no name that could be kept.
    let observe (clock: StampClock) (heard: Interval) (detail: AriDetail) (channel: AriChannel) =
        ConnectionId.tryCreate channel.Id
        |> Option.map (fun id ->
            let setup =
                channel.Created
                |> ValueOption.bind (fun created -> AriClock.happened heard.Latest created clock)
                |> ValueOption.map Timing.reported

            let direction = directionOf channel

            let struct (originator, remote) =
                match direction with
                | ValueSome Outgoing -> struct (channel.Connected, channel.Caller)
                | ValueSome Incoming
                | ValueNone -> struct (channel.Caller, channel.Connected)

            { Id = id
              // In UTC: the zone in which Asterisk writes it may change.
              Stamp = channel.Created |> ValueOption.map (Instant.ofMicros >> string)
              Heard = heard
              Setup = setup
              Start = ValueSome(startOf clock heard setup detail channel)
              MinimumAge = TimeSpan.Zero
              Facts =
                { Facts.none with
                    Call = CallId.tryCreate channel.ProtocolId |> ValueOption.ofOption
                    Endpoint = text channel.Name
                    Originator = text originator
                    Remote = text remote
                    Direction = direction
                    Codec = detail.Codec |> ValueOption.orElse (codecOf channel.Format)
                    Qos = detail.Qos
                    State = text channel.State } })
