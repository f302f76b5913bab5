namespace CallServer.Protocols.H248

open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What an audit knows of the contexts of a gateway.
type internal H248Contexts =
    {
        /// Those that the list has, and when it was told.
        Listed: Set<uint32>
        ListedAt: Interval voption
        /// Those that were told, each with its terminations.
        Told: Map<uint32, Map<string, H248Told>>
        /// Those that the gateway, asked for them alone, says it does not have.
        Gone: Set<uint32>
        /// Terminations that it says are not in their contexts.
        Left: Set<string>
        /// Those that were asked for alone.
        Alone: Set<uint32>
        /// Those of which each termination is asked for by its name.
        Pieces: Set<uint32>
    }

module internal H248Contexts =
    let none: H248Contexts =
        { Listed = Set.empty
          ListedAt = ValueNone
          Told = Map.empty
          Gone = Set.empty
          Left = Set.empty
          Alone = Set.empty
          Pieces = Set.empty }

    /// The contexts that replies name, each with its terminations and its error. ValueNone where they cannot be read.
    let private read
        (heard: Interval)
        (media: bool)
        (replies: H248Reply list)
        : struct (H248Context * H248Told list * H248Fault voption) list voption =
        let take found (action: H248Action) =
            match found with
            | ValueNone -> ValueNone
            | ValueSome found ->
                let number =
                    match action.Context with
                    | H248Context.Numbered number -> number
                    | H248Context.Null
                    | H248Context.Choose
                    | H248Context.All -> 0u

                let keep (told: H248Told list) (termination: H248Termination) =
                    if termination.Fault > 0 || termination.Id.Length = 0 then
                        told
                    else
                        H248Observing.told number heard media termination :: told

                match H248Actions.foldTerminations keep [] action with
                | ValueSome(struct (told, fault)) -> ValueSome(struct (action.Context, told, fault) :: found)
                | ValueNone -> ValueNone

        (ValueSome [], replies)
        ||> List.fold (fun found reply ->
            match H248Actions.fold take found reply.Actions with
            | ValueSome found -> found
            | ValueNone -> ValueNone)
        |> ValueOption.map List.rev

    /// What an answer says: of each context what was told and the error, and an error for all.
    let readAnswer (media: bool) (answer: H248Answer) =
        let fault = answer.Replies |> List.tryPick (fun reply -> ValueOption.toOption reply.Fault)

        read answer.Heard media answer.Replies
        |> ValueOption.map (fun found -> struct (found, ValueOption.ofOption fault))

    /// The ids of contexts, from the list of them.
    let listed (answer: H248Answer) (numbers: uint32 list) (contexts: H248Contexts) : H248Contexts =
        { contexts with
            Listed = Set.union contexts.Listed (Set.ofList numbers)
            ListedAt = ValueSome answer.Heard }

    /// What a context has, added to what is known of it. Media that were told before stay.
    let tell (context: uint32) (told: H248Told list) (contexts: H248Contexts) : H248Contexts =
        let before = Map.tryFind context contexts.Told |> Option.defaultValue Map.empty

        let after =
            (before, told)
            ||> List.fold (fun known one ->
                match Map.tryFind one.Termination known with
                | Some earlier when one.Media.IsNone && earlier.Media.IsSome ->
                    Map.add one.Termination { one with Media = earlier.Media } known
                | Some _
                | None -> Map.add one.Termination one known)

        { contexts with Told = Map.add context after contexts.Told }

    /// The gateway does not have it: what was told before has ended since.
    let gone (context: uint32) (contexts: H248Contexts) : H248Contexts =
        { contexts with
            Gone = Set.add context contexts.Gone
            Told = Map.remove context contexts.Told }

    let left (context: uint32) (termination: string) (contexts: H248Contexts) : H248Contexts =
        let told =
            match Map.tryFind context contexts.Told with
            | Some known -> Map.add context (Map.remove termination known) contexts.Told
            | None -> contexts.Told

        { contexts with
            Left = Set.add (H248Name.idOf context termination) contexts.Left
            Told = told }

    let private isKnown (context: uint32) (contexts: H248Contexts) : bool =
        contexts.Told.ContainsKey context || contexts.Gone.Contains context

    /// The contexts of the list of which nothing is known yet.
    let missing (contexts: H248Contexts) : uint32 list =
        contexts.Listed |> Seq.filter (fun context -> not (isKnown context contexts)) |> List.ofSeq

    /// The contexts that were told, with a termination whose media are not among these and were not told either.
    let unread (read: Set<string>) (contexts: H248Contexts) : uint32 list =
        [ for KeyValue(context, told) in contexts.Told do
              let isUnread (one: H248Told) =
                  one.Media.IsNone && not (read.Contains(H248Name.idOf context one.Termination))

              if told.Values |> Seq.exists isUnread then
                  context ]

    let private known (connections: Connection[]) : struct (uint32 * string) seq =
        connections |> Seq.choose (fun known -> H248Name.tryPlace known.Id |> ValueOption.toOption)

    /// Contexts of connections on record that are not seen where they were: those that nobody told, and those that were told without them,
    /// unless they were asked for alone.
    let doubtful (connections: Connection[]) (contexts: H248Contexts) : uint32 list =
        let isDoubtful (struct (context, termination)) =
            match Map.tryFind context contexts.Told with
            | Some told ->
                not (told.ContainsKey termination)
                && not (contexts.Alone.Contains context)
                && not (contexts.Pieces.Contains context)
                && not (contexts.Left.Contains(H248Name.idOf context termination))
            | None -> not (contexts.Gone.Contains context) && not (contexts.Alone.Contains context)

        known connections
        |> Seq.filter isDoubtful
        |> Seq.map (fun (struct (context, _)) -> context)
        |> Seq.distinct
        |> List.ofSeq

    /// Connections on record whose context the gateway does not have, or that are not in it, though it was asked for them.
    let denied
        (connections: Connection[])
        (observations: Observation[])
        (contexts: H248Contexts)
        : ConnectionId[] =
        let seen = HashSet(observations |> Seq.map _.Id)

        let isDenied (known: Connection) =
            match H248Name.tryPlace known.Id with
            | ValueSome(struct (context, _)) ->
                not (seen.Contains known.Id)
                && (contexts.Gone.Contains context
                    || contexts.Left.Contains(string known.Id)
                    || (contexts.Alone.Contains context && contexts.Told.ContainsKey context))
            | ValueNone -> false

        connections |> Array.filter isDenied |> Array.map _.Id |> Array.sort

    /// The connections that the gateway has, sorted by id, and how many have no name that could be kept.
    let observations (connections: Connection[]) (contexts: H248Contexts) : struct (Observation[] * int) =
        let byId = Dictionary<string, Connection>()
        let byTermination = Dictionary<string, Connection list>()

        for connection in connections do
            byId[string connection.Id] <- connection

            match H248Name.tryPlace connection.Id with
            | ValueSome(struct (_, termination)) ->
                match byTermination.TryGetValue termination with
                | true, others -> byTermination[termination] <- connection :: others
                | _ -> byTermination[termination] <- [ connection ]
            | ValueNone -> ()

        let all =
            [| for told in contexts.Told.Values do
                   yield! told.Values |]

        let observe (told: H248Told) =
            let known =
                match byId.TryGetValue(H248Name.idOf told.Context told.Termination) with
                | true, known -> ValueSome known
                | _ -> ValueNone

            let elsewhere =
                match byTermination.TryGetValue told.Termination with
                | true, others -> others
                | _ -> []

            H248Observing.observe known elsewhere told |> ValueOption.toOption

        let named = all |> Array.choose observe
        struct (Array.sortBy _.Id named, all.Length - named.Length)

    /// Names of the connections whose media were told, and of those of which they are known and which go on.
    let readNow (read: Set<string>) (contexts: H248Contexts) : Set<string> =
        set
            [ for KeyValue(context, told) in contexts.Told do
                  for one in told.Values do
                      let id = H248Name.idOf context one.Termination

                      if one.Media.IsSome || read.Contains id then
                          id ]

    /// A context that is there, and that an earlier list lacks, may have begun since. Whether any of its terminations was there before.
    let wasThere (context: uint32) (contexts: H248Contexts) : bool =
        match contexts.ListedAt, Map.tryFind context contexts.Told with
        | ValueSome listed, Some told ->
            told.Values
            |> Seq.exists (fun one ->
                match H248Observing.began one with
                | ValueSome began -> began.Latest < listed.Earliest
                | ValueNone -> true)
        | _ -> false
