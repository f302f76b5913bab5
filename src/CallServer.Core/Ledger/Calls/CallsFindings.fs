namespace CallServer.Ledger

open CallServer.Ledger.CallsCase

/// Judges one call. Every finding rests on what confirmed connections reported, and on when: a leg is over
/// once that is proven, and another outlived it once it was heard alive later. So no timer and no silence
/// makes a finding.
///
///   one-sided                a leg is over, nothing took its place, and the rest was alive after the grace
///   media-without-signalling one kind of source reports the call: it had both; or its gateway's calls usually
///   signalling-without-media   do, and every gateway that usually joins was asked completely after the patience
///   codec-mismatch           the two ends of one stream differ; or two sources have no codec in common
///   address-mismatch         one end agrees and the other does not, and no address translation explains it
///   start-mismatch           two sources state spans from setup to answer that no clock drift reconciles
module internal CallsFindings =
    let private judges =
        [ CallsEnds.oneSided
          CallsEnds.withoutSignalling
          CallsEnds.withoutMedia
          CallsMismatches.codec
          CallsMismatches.address
          CallsMismatches.start ]

    /// The findings by kind, and whether the next report about a leg may change them.
    let judge (case: Case) : struct (Finding list * bool) =
        if case.Gone.Length = 0 && case.Lacks.IsNone && case.Live.Length < 2 then
            struct ([], false)
        else
            let verdicts = judges |> List.map (fun judge -> judge case)

            let findings =
                verdicts
                |> List.choose (fun verdict ->
                    match verdict with
                    | Proven finding -> Some finding
                    | Nothing
                    | Waiting -> None)

            let isOpen =
                verdicts
                |> List.exists (fun verdict ->
                    match verdict with
                    | Nothing -> false
                    | Waiting
                    | Proven _ -> true)

            struct (findings, isOpen)
