namespace CallServer.Protocols.Snmp

open CallServer.Prelude

/// A profile from its JSON: the built-in ones, and a user's own, in the server's configuration or beside it.
module ProfileJson =
    open ProfileTable
    open ProfileHistory

    /// Where ids outlive a restart of the agent and are used again, their stamps tell them apart: they must outlive it too.
    let private lastingStamps (profile: Profile) (node: Json) : Validation<unit> =
        let ofUpTime =
            [ for time in profile.Setup @ profile.Start do
                  match time with
                  | UpTimeStamp(source, _) -> source.Field
                  | Duration _
                  | ClockStamp _
                  | EpochStamp _ -> () ]

        if
            profile.Traits.ReusesIds
            && not profile.Traits.IdsTiedToBoot
            && profile.Stamp |> List.exists (fun source -> List.contains source.Field ofUpTime)
        then
            Json.fail
                "is a time stamp, which changes with the agent's restart: ids that are used again need \"idsTiedToBoot\" then"
                (Json.tryMember "stamp" node |> Option.defaultValue node)
        else
            Ok()

    /// Reads a profile, or tells every mistake in it.
    let read (name: string) (node: Json) : Validation<Profile> =
        validation {
            let! node = ProfileBase.whole node
            let! profile = table name node
            and! meaning = meaning members (namesOf node) node
            let! profile = meaning profile
            let! () = lastingStamps profile node
            and! history = Json.optional "history" (history profile node) node
            return { profile with History = ValueOption.ofOption history }
        }

    /// The same from a text.
    let parse (name: string) (text: string) : Validation<Profile> = Json.parse text |> Result.bind (read name)
