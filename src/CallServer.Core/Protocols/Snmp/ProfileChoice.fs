namespace CallServer.Protocols.Snmp

open System
open CallServer.Ledger
open CallServer.Wire

/// Which profile does the agent serve? GetNext is asked at what each candidate is known by: a column of its table, and the roots of
/// its MIBs.
module internal ProfileChoice =
    let private column (profile: Profile) : Oid = profile.Columns[profile.Identity[0]].Oid

    /// What the candidates are known by.
    let names (candidates: Profile[]) : Oid[] =
        candidates
        |> Array.collect (fun profile -> [| column profile; yield! profile.Serves |])
        |> Array.distinct

    /// Takes an answer: the names of those asked below which the agent serves something, and those that are to be asked again.
    let answered (asked: Oid[]) (varBinds: VarBind[]) (served: Set<Oid>) : struct (Set<Oid> * Oid[] list) =
        let told = min asked.Length varBinds.Length

        let found =
            Array.zip (Array.truncate told asked) (Array.truncate told varBinds)
            |> Array.filter (fun (name, varBind) -> SnmpNames.isServed name varBind)
            |> Array.map fst

        struct (Set.union served (Set.ofArray found), SnmpNames.untold told asked)

    let private servesMib (served: Set<Oid>) (profile: Profile) : bool =
        profile.Serves |> Array.exists served.Contains

    /// The profile of which the agent has a row; else the first of which it has the MIB.
    let choose (candidates: Profile[]) (served: Set<Oid>) : Profile voption =
        let withMib =
            candidates |> Array.filter (fun profile -> profile.Serves.Length = 0 || servesMib served profile)

        withMib
        |> Array.tryFind (fun profile -> served.Contains(column profile))
        |> Option.orElse (Array.tryHead withMib)
        |> ValueOption.ofOption

    /// SNMPv2-MIB sysDescr and sysObjectID.
    let private sysDescr = Oid.parse "1.3.6.1.2.1.1.1.0"
    let private sysObjectId = Oid.parse "1.3.6.1.2.1.1.2.0"

    /// What the agent calls itself.
    let introduction = [| sysDescr; sysObjectId |]

    /// More of a description is of no use in a message.
    [<Literal>]
    let private MostWords = 60

    let private self (scalars: Scalars) : string =
        let told name = (Scalars.textOf name scalars).Trim()
        let words = told sysDescr
        let shown = if words.Length > MostWords then words[.. MostWords - 1] + "…" else words

        match shown, told sysObjectId with
        | "", "" -> "it says nothing of itself"
        | "", kind -> $"its sysObjectID is {kind}"
        | words, "" -> $"it calls itself '{words}'"
        | words, kind -> $"it calls itself '{words}', sysObjectID {kind}"

    /// None of the candidates is served.
    let unknown (candidates: Profile[]) (scalars: Scalars) : Shortfall =
        let sought = String.Join(", ", candidates |> Array.map _.Name)

        NotServed(
            $"no table of calls that is known ({sought}): {self scalars}; the community or user may not see it, "
            + "or the gateway wants a profile of its own and ?profile="
        )

    /// Nothing of the profile's MIBs is served.
    let unserved (profile: Profile) (served: Set<Oid>) (scalars: Scalars) : Shortfall voption =
        if servesMib served profile then
            ValueNone
        else
            let roots = String.Join(", ", profile.Serves)

            ValueSome(
                NotServed(
                    $"{profile.Name}: nothing stands below {roots}, or may be seen by whoever asks; {self scalars}; "
                    + "without ?profile= all profiles are tried"
                )
            )
