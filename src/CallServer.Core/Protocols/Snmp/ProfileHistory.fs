namespace CallServer.Protocols.Snmp

open CallServer.Prelude

/// A table of connections that are over, in a profile's JSON.
module internal ProfileHistory =
    open ProfileSource
    open ProfileTime
    open ProfileTable

    let private counters (names: Names) (node: Json) : Validation<CounterSources> =
        let members =
            [ "packetsSent"
              "octetsSent"
              "packetsReceived"
              "octetsReceived"
              "packetsLost"
              "jitterMs"
              "latencyMs" ]

        validation {
            let! () = Json.onlyMembers members node
            and! packetsSent = sourcesOf "packetsSent" names node
            and! octetsSent = sourcesOf "octetsSent" names node
            and! packetsReceived = sourcesOf "packetsReceived" names node
            and! octetsReceived = sourcesOf "octetsReceived" names node
            and! packetsLost = sourcesOf "packetsLost" names node
            and! jitter = sourcesOf "jitterMs" names node
            and! latency = sourcesOf "latencyMs" names node

            return
                { PacketsSent = packetsSent
                  OctetsSent = octetsSent
                  PacketsReceived = packetsReceived
                  OctetsReceived = octetsReceived
                  PacketsLost = packetsLost
                  Jitter = jitter
                  Latency = latency }
        }

    let private noCounters: CounterSources =
        { PacketsSent = []
          OctetsSent = []
          PacketsReceived = []
          OctetsReceived = []
          PacketsLost = []
          Jitter = []
          Latency = [] }

    /// Of a history's members, those of a table of connections besides its own.
    let private historyMembers =
        [ "order"; "moved"; "like"; "end"; "cause"; "counters"; "ids" ]
        @ (members
           |> List.except
               [ "about"
                 "nested"
                 "joined"
                 "positional"
                 "mayRing"
                 "active"
                 "clock"
                 "count"
                 "trust"
                 "emptyNeedsCount"
                 "boot"
                 "history" ])

    /// A history's JSON with what it says to be as in the profile's.
    let private withAlike (profile: Json) (node: Json) : Validation<Json> =
        validation {
            let! like =
                Json.withDefault "like" [] (oneOrMany (Json.oneOf [ for name in told -> name, name ])) node

            return
                match node.Value with
                | JsonValue.Members own ->
                    let taken =
                        [| for name in like do
                               match Json.tryMember name profile with
                               | Some child -> struct (name, child)
                               | None -> () |]

                    { node with Value = JsonValue.Members(Array.append own taken) }
                | _ -> node
        }

    let private order (node: Json) : Validation<HistoryOrder> =
        validation {
            let! order =
                Json.required
                    "order"
                    (Json.oneOf [ for word in [ "end"; "setup"; "none" ] -> word, word ])
                    node

            and! moved = Json.optional "moved" oid node

            return
                match order with
                | "end" -> ByEnd
                | "setup" -> BySetup
                | _ -> Unordered(ValueOption.ofOption moved)
        }

    /// Facts that tell two connections apart which were set up at one time.
    let private tellingApart: (Profile -> bool) list =
        [ fun table -> not table.Call.IsEmpty
          fun table -> not table.Originator.IsEmpty
          fun table -> not table.Remote.IsEmpty
          fun table -> not table.RemoteMedia.IsEmpty ]

    /// A row must lead to the connection that it was, or that would get a second CDR: by the same id, by the column of ids, or
    /// by its stamp together with a fact that both tables tell.
    let private leadsBack (profile: Profile) (history: HistoryTable) (node: Json) : Validation<unit> =
        let areStamped = not profile.Stamp.IsEmpty && not history.Table.Stamp.IsEmpty

        let shareFact = tellingApart |> List.exists (fun tells -> tells profile && tells history.Table)

        if Profile.historyTellsIds profile history || (areStamped && (shareFact || history.Ids.IsSome)) then
            Ok()
        else
            Json.fail
                "is made otherwise than the \"id\" of the table of connections, and nothing else says which connection a row was: \"stamp\" is needed in both, and in both one of call, originator, remote, remoteMedia, or a connection would get two CDRs"
                (Json.tryMember "id" node |> Option.defaultValue node)

    /// A history has the clock, the boot and the traits of the table of connections.
    let history (profile: Profile) (parent: Json) (node: Json) : Validation<HistoryTable> =
        validation {
            let! node = withAlike parent node
            let names = namesOf node
            let! table = table profile.Name node
            and! meaning = meaning historyMembers names node
            and! order = order node
            and! ends = Json.required "end" (oneOrMany (time names)) node
            and! cause = sourcesOf "cause" names node
            and! counters = Json.withDefault "counters" noCounters (counters names) node
            and! ids = Json.optional "ids" oid node

            let! table = meaning table

            let history =
                { Table = { table with Clock = profile.Clock; Boot = profile.Boot; Traits = profile.Traits }
                  Order = order
                  End = ends
                  Cause = cause
                  Counters = counters
                  Ids = ValueOption.ofOption ids }

            let! () = leadsBack profile history node
            return history
        }
