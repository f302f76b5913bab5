namespace CallServer.Exchange

open CallServer.Ledger

/// What is known about a gateway besides what one exchange with it learnt, and what that does to the outcome. The exchange itself
/// never sees it.
type internal Caveats =
    {
        /// The operator declares that the gateway's list is never complete: nothing is closed by absence.
        NeverComplete: bool
        /// What looked like the answer to a request in flight came from here (HOST:PORT) and not from the address asked. It was not
        /// accepted. The second text names the option that would accept it.
        Elsewhere: struct (string * string) voption
        /// The exchange was ended because the gateway sent more than is accepted.
        PastLimit: Limit voption
    }

module internal Caveats =
    let none: Caveats = { NeverComplete = false; Elsewhere = ValueNone; PastLimit = ValueNone }

    let private elsewhere (caveats: Caveats) : Shortfall voption =
        caveats.Elsewhere
        |> ValueOption.map (fun (struct (source, option)) -> AnsweredElsewhere(source, option))

    /// This server ended the exchange, because of this limit. Cancelled would say less, and Silent would be false.
    let private limited (limit: Limit) (completeness: Completeness) : Completeness =
        let others =
            match completeness with
            | Complete _ -> []
            | Partial reasons ->
                reasons
                |> List.filter (fun reason ->
                    match reason with
                    | Cancelled
                    | Silent _ -> false
                    | _ -> true)

        Partial(PastLimit limit :: others)

    /// If the snapshot is partial, it may lack just what came from elsewhere. If it is complete, it lacks nothing.
    let snapshot (caveats: Caveats) (snapshot: Snapshot) : Snapshot =
        let completeness =
            match snapshot.Completeness, elsewhere caveats with
            | Partial _ as partial, ValueSome reason -> Completeness.refute reason partial
            | completeness, _ -> completeness

        let completeness =
            match caveats.PastLimit with
            | ValueSome limit -> limited limit completeness
            | ValueNone -> completeness

        { snapshot with
            Completeness =
                if caveats.NeverComplete then
                    Completeness.refute DeclaredPartial completeness
                else
                    completeness }

    let release (caveats: Caveats) (release: Release) : Release =
        match release, elsewhere caveats with
        | Release.NotReleased _, _ when caveats.PastLimit.IsSome ->
            Release.NotReleased(CutShort(string caveats.PastLimit.Value))
        | Release.NotReleased(Silent detail), ValueSome reason ->
            Release.NotReleased(Silent $"{detail}; {reason}")
        | Release.NotReleased(CutShort detail), ValueSome reason ->
            Release.NotReleased(CutShort $"{detail}; {reason}")
        | _ -> release

    let controller (caveats: Caveats) (controller: Controller) : Controller =
        match controller, elsewhere caveats with
        | Controller.NotTold(Silent detail), ValueSome reason ->
            Controller.NotTold(Silent $"{detail}; {reason}")
        | _ -> controller
