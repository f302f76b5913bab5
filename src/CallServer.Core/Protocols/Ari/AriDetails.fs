namespace CallServer.Protocols.Ari

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// A kind of question that got no answer, and is not asked again for a while.
[<Struct>]
type AriRest = { Until: Instant; Span: TimeSpan }

/// Which channels are asked for more than the list tells, and what came of it. Asterisk finds a channel by its id by going through all channels and
/// locking each: so an audit asks about few of them, and does not ask again for what stalls.
type internal AriDetails =
    {
        Told: Map<string, AriDetail>
        /// By the kind of question.
        Rests: Map<string, AriRest>
        /// The id of the last channel that was asked because it was its turn.
        Cursor: string
    }

module internal AriDetails =
    let private firstRest = TimeSpan.FromMinutes 1.0
    let private longestRest = TimeSpan.FromHours 1.0

    let start (rests: Map<string, AriRest>) (cursor: string) : AriDetails =
        { Told = Map.empty; Rests = rests; Cursor = cursor }

    let find (id: string) (details: AriDetails) : AriDetail =
        details.Told |> Map.tryFind id |> Option.defaultValue AriObserving.unasked

    /// Adds what was told of a channel.
    let tell (id: string) (change: AriDetail -> AriDetail) (details: AriDetails) : AriDetails =
        { details with Told = details.Told |> Map.add id (change (find id details)) }

    /// A kind of question stalls: each time it rests twice as long.
    let stall (now: Instant) (question: AriQuestion) (details: AriDetails) : AriDetails =
        let span =
            match Map.tryFind (string question) details.Rests with
            | Some rest -> min longestRest (rest.Span * 2.0)
            | None -> firstRest

        { details with
            Rests = details.Rests |> Map.add (string question) { Until = now + span; Span = span } }

    /// A kind of question is answered.
    let answer (question: AriQuestion) (details: AriDetails) : AriDetails =
        { details with Rests = details.Rests |> Map.remove (string question) }

    let private rests (now: Instant) (question: AriQuestion) (details: AriDetails) : bool =
        match Map.tryFind (string question) details.Rests with
        | Some rest -> now < rest.Until
        | None -> false

    /// The record holds when it was answered, as Asterisk stated it.
    let private isDated (connection: Connection) : bool =
        connection.Start.Evidence = Reported && connection.Start.Within.Latest <> Instant.distantFuture

    let private questionsAbout
        (asksAnswers: bool)
        (known: Connection voption)
        (channel: AriChannel)
        : AriQuestion list =
        [ AriQuestion.Statistics channel.Id
          if channel.Format = "" then
              AriQuestion.Format channel.Id
          if asksAnswers && AriObserving.isUp channel && not (ValueOption.exists isDated known) then
              AriQuestion.Answer channel.Id ]

    /// What to ask: of channels that are new or newly answered first, then of the others in turn, of so many at most. The channels are sorted by id.
    let plan
        (now: Instant)
        (target: AriGateway)
        (known: Dictionary<string, Connection>)
        (channels: AriChannel[])
        (details: AriDetails)
        : struct (AriQuestion list * AriDetails) =
        let knownOf (channel: AriChannel) =
            match known.TryGetValue channel.Id with
            | true, connection -> ValueSome connection
            | _ -> ValueNone

        let isFresh (channel: AriChannel) =
            match knownOf channel with
            | ValueNone -> true
            | ValueSome connection ->
                AriObserving.isUp channel && connection.Start.Within.Latest = Instant.distantFuture

        let fresh, others = Array.partition isFresh channels

        let later, earlier =
            others |> Array.partition (fun one -> String.CompareOrdinal(one.Id, details.Cursor) > 0)

        let fresh = Array.truncate target.Details fresh
        let turn = Array.append later earlier |> Array.truncate (target.Details - fresh.Length)

        let questions =
            [ for channel in Array.append fresh turn do
                  for question in questionsAbout target.AsksAnswers (knownOf channel) channel do
                      if not (rests now question details) then
                          question ]

        let cursor = if turn.Length = 0 then details.Cursor else (Array.last turn).Id
        struct (questions, { details with Cursor = cursor })
