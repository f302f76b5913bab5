namespace CallServer.Protocols.H248

open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Contexts of a gateway that are asked for, and what has come of it.
[<NoEquality; NoComparison>]
type internal H248Survey =
    {
        Link: H248Link
        Contexts: H248Contexts
        /// Connections whose media an earlier audit was told, by name.
        Read: Set<string>
        /// How many contexts are asked for with their media at once.
        Batch: int
        /// Contexts that were asked for once, and with their media.
        Tried: Set<uint32>
        TriedMedia: Set<uint32>
        /// What was wrong with the answer about a context.
        Troubles: Map<uint32, string>
        Faults: Faults
    }

/// Asks for contexts by their numbers: several at once, each alone where that does not do, and at last termination by termination.
///
///   asked for              answer: told     411     too large, cut off, none     another error
///   several contexts       told             gone    each alone                   each alone
///   one context            told             gone    the names of its             a fault, unless it was told before
///                                                   terminations
///   names                  each by name     gone    a fault                      a fault
///   one termination        told             gone    a fault                      a fault; 430, 431, 435: it left
module internal H248Survey =
    /// Statistics are so much shorter than media.
    [<Literal>]
    let private PlainPerMedia = 4

    let start (link: H248Link) (read: Set<string>) (batch: int) : H248Survey =
        { Link = link
          Contexts = H248Contexts.none
          Read = read
          Batch = batch
          Tried = Set.empty
          TriedMedia = Set.empty
          Troubles = Map.empty
          Faults = Faults.none }

    let fault (shortfall: Shortfall) (survey: H248Survey) : H248Survey =
        { survey with Faults = Faults.add shortfall survey.Faults }

    let withContexts change (survey: H248Survey) : H248Survey =
        { survey with Contexts = change survey.Contexts }

    let ask (questions: H248Asked list) (survey: H248Survey) : H248Survey =
        { survey with Link = H248Link.ask questions survey.Link }

    let private trouble (words: string) (context: uint32) (survey: H248Survey) : H248Survey =
        { survey with Troubles = Map.add context words survey.Troubles }

    /// Faults for the contexts that were not told, or not whole.
    let untold (survey: H248Survey) : Faults =
        let contexts = survey.Contexts

        let isUntold context = not (contexts.Told.ContainsKey context) || contexts.Pieces.Contains context

        let missing =
            H248Contexts.missing contexts
            |> List.map (fun context -> context, "no answer about it")
            |> Map.ofList

        (missing, survey.Troubles)
        ||> Map.fold (fun all context words ->
            if isUntold context && not (contexts.Gone.Contains context) then
                Map.add context words all
            else
                all)
        |> Map.fold
            (fun faults context words -> Faults.addError words $"context {context}" faults)
            survey.Faults

    /// In groups of at most so many.
    let private groups (size: int) (media: bool) (contexts: uint32 list) : H248Asked list =
        List.chunkBySize size contexts |> List.map (fun some -> H248Asked.Of(some, media))

    let askOf (media: bool) (contexts: uint32 list) (survey: H248Survey) : H248Survey =
        let size = if media then survey.Batch else survey.Batch * PlainPerMedia

        ask (groups size media contexts) survey

    /// The contexts of which a connection is on record whose media were told.
    let readContexts (survey: H248Survey) : Set<uint32> =
        survey.Read
        |> Seq.choose (fun id ->
            match ConnectionId.tryCreate id |> Option.map H248Name.tryPlace with
            | Some(ValueSome(struct (context, _))) -> Some context
            | _ -> None)
        |> Set.ofSeq

    /// Asks for what is not known yet of the contexts, each once.
    let fill (survey: H248Survey) : H248Survey =
        let missing = H248Contexts.missing survey.Contexts |> List.filter (survey.Tried.Contains >> not)
        let read = readContexts survey
        let plain, fresh = missing |> List.partition read.Contains

        let unread =
            H248Contexts.unread survey.Read survey.Contexts |> List.filter (survey.TriedMedia.Contains >> not)

        let withMedia = fresh @ unread |> List.distinct

        { survey with
            Tried = Set.union survey.Tried (Set.ofList missing)
            TriedMedia = Set.union survey.TriedMedia (Set.ofList withMedia) }
        |> askOf true withMedia
        |> askOf false plain

    /// What contexts an answer names, with what it tells of them.
    let numbered found =
        found
        |> List.choose (fun (struct (context, told: H248Told list, fault: H248Fault voption)) ->
            match context with
            | H248Context.Numbered number -> Some(struct (number, told, fault))
            | H248Context.Null
            | H248Context.Choose
            | H248Context.All -> None)

    /// A context that is there, and that an earlier list should have had.
    let checkListed (context: uint32) (survey: H248Survey) : H248Survey =
        if not (survey.Contexts.Listed.Contains context) && H248Contexts.wasThere context survey.Contexts then
            fault (Hidden $"context {context}, which its list of contexts lacks") survey
        else
            survey

    /// One context was told, or not.
    let toldOne
        (context: uint32)
        (told: H248Told list)
        (why: H248Fault voption)
        (survey: H248Survey)
        : H248Survey =
        let asked (survey: H248Survey) =
            withContexts (fun contexts -> { contexts with Alone = Set.add context contexts.Alone }) survey

        match why |> ValueOption.map (fun why -> struct (why, H248Meaning.ofCode why.Code)) with
        | ValueNone -> withContexts (H248Contexts.tell context told) survey |> asked |> checkListed context
        | ValueSome(struct ({ Code = 411 }, _)) -> withContexts (H248Contexts.gone context) survey
        | ValueSome(struct (_, H248Meaning.Nothing)) ->
            withContexts (H248Contexts.tell context told) survey |> asked |> checkListed context
        | ValueSome(struct (_, H248Meaning.TooLarge)) -> ask [ H248Asked.Names context ] survey
        | ValueSome(struct (why, _)) -> trouble (H248Meaning.words why) context survey

    let private eachAlone (media: bool) (contexts: uint32 list) (survey: H248Survey) : H248Survey =
        ask (groups 1 media contexts) survey

    let private smaller (survey: H248Survey) : H248Survey = { survey with Batch = max 1 (survey.Batch / 2) }

    let private toldSome contexts media found (why: H248Fault voption) (survey: H248Survey) : H248Survey =
        let named = numbered found

        match contexts, named, why with
        | [ context ], [], ValueSome why -> toldOne context [] (ValueSome why) survey
        | [ context ], [], ValueNone -> trouble "an answer without it" context survey
        | _, [], _ -> survey |> smaller |> eachAlone media contexts
        | _ ->
            let survey =
                (survey, named)
                ||> List.fold (fun survey (struct (context, told, why)) ->
                    if List.contains context contexts then
                        toldOne context told why survey
                    else
                        survey)

            let told = named |> List.map (fun (struct (context, _, _)) -> context)

            match List.except told contexts with
            | [] -> survey
            | left when contexts.Length > 1 -> eachAlone media left survey
            | left ->
                (survey, left)
                ||> List.fold (fun survey context -> trouble "an answer without it" context survey)

    let private named context found (why: H248Fault voption) (survey: H248Survey) : H248Survey =
        match numbered found, why with
        | [ struct (_, told, ValueNone) ], _ ->
            let media = survey.TriedMedia.Contains context

            survey
            |> withContexts (fun contexts ->
                { H248Contexts.tell context [] contexts with Pieces = Set.add context contexts.Pieces })
            |> ask [ for one in told -> H248Asked.One(context, one.Termination, media) ]
        | [ struct (_, _, ValueSome why) ], _
        | _, ValueSome why when H248Meaning.ofCode why.Code <> H248Meaning.TooLarge ->
            toldOne context [] (ValueSome why) survey
        | _ -> trouble "the names of its terminations cannot be read" context survey

    let private toldTermination
        context
        termination
        found
        (why: H248Fault voption)
        (survey: H248Survey)
        : H248Survey =
        match numbered found, why with
        | struct (_, told, ValueNone) :: _, _ when not told.IsEmpty ->
            withContexts (H248Contexts.tell context told) survey
        | struct (_, _, ValueSome { Code = 411 }) :: _, _
        | _, ValueSome { Code = 411 } -> withContexts (H248Contexts.gone context) survey
        | struct (_, _, ValueSome why) :: _, _
        | _, ValueSome why when H248Meaning.ofCode why.Code <> H248Meaning.Nothing ->
            trouble (H248Meaning.words why) context survey
        // An error in place of its descriptors, or of itself.
        | _ -> withContexts (H248Contexts.left context termination) survey

    /// Takes in the answer to a question about single contexts.
    let take (asked: H248Asked) found (why: H248Fault voption) (survey: H248Survey) : H248Survey =
        match asked with
        | H248Asked.Contexts
        | H248Asked.Everywhere -> survey
        | H248Asked.Of(contexts, media) -> toldSome contexts media found why survey
        | H248Asked.Names context -> named context found why survey
        | H248Asked.One(context, termination, _) -> toldTermination context termination found why survey

    /// One more reply to such a question: contexts that the first one lacked.
    let takeMore (asked: H248Asked) found (survey: H248Survey) : H248Survey =
        match asked with
        | H248Asked.Of(contexts, _) ->
            (survey, numbered found)
            ||> List.fold (fun survey (struct (context, told, why: H248Fault voption)) ->
                if List.contains context contexts && why.IsNone then
                    toldOne context told why survey
                else
                    survey)
        | H248Asked.Contexts
        | H248Asked.Everywhere
        | H248Asked.Names _
        | H248Asked.One _ -> survey

    /// No whole answer came to a question about single contexts: it is asked in parts, if it has any.
    let inParts (words: string) (asked: H248Asked) (survey: H248Survey) : H248Survey =
        match asked with
        | H248Asked.Contexts
        | H248Asked.Everywhere -> survey
        | H248Asked.Of([ context ], _) -> ask [ H248Asked.Names context ] survey
        | H248Asked.Of(contexts, media) -> survey |> smaller |> eachAlone media contexts
        | H248Asked.Names context
        | H248Asked.One(context, _, _) -> trouble words context survey

    /// Nothing can be read of an answer about these.
    let unreadable (asked: H248Asked) (survey: H248Survey) : H248Survey =
        let words = "an answer that cannot be read"

        match asked with
        | H248Asked.Contexts
        | H248Asked.Everywhere -> fault (Unreadable $"{asked}") survey
        | H248Asked.Of(contexts, _) ->
            (survey, contexts) ||> List.fold (fun survey context -> trouble words context survey)
        | H248Asked.Names context
        | H248Asked.One(context, _, _) -> trouble words context survey
