namespace CallServer.Protocols.Snmp

open System
open CallServer.Prelude

/// How a profile's JSON says when something happened.
module internal ProfileTime =
    open ProfileSource

    let private timeKinds = [ "timeStamp"; "duration"; "dateAndTime"; "epoch" ]

    /// `{ "kind": "timeStamp" | "duration" | "dateAndTime" | "epoch", "field": ..., ... }`
    let time (names: Names) (node: Json) : Validation<TimeSource> =
        let known others = sourceIn ("kind" :: others) names node

        validation {
            let! kind = Json.required "kind" (Json.oneOf [ for kind in timeKinds -> kind, kind ]) node

            let! time =
                match kind with
                | "timeStamp" ->
                    validation {
                        let! stamp = known [ "zeroIsUnset" ]
                        and! unset = Json.withDefault "zeroIsUnset" false Json.boolean node
                        return UpTimeStamp(stamp, unset)
                    }
                | "duration" ->
                    validation {
                        let! stamp = known [ "unit"; "resolution"; "locksAt"; "difference" ]
                        and! unit = Json.required "unit" span node
                        and! resolution = Json.optional "resolution" span node
                        and! locks = Json.optional "locksAt" (Json.integer 1L Int64.MaxValue) node
                        and! isDifference = Json.withDefault "difference" false Json.boolean node

                        return
                            Duration
                                { Source = stamp
                                  Unit = unit
                                  Resolution = max unit (Option.defaultValue unit resolution)
                                  LocksAt = ValueOption.ofOption locks
                                  IsDifference = isDifference }
                    }
                | "dateAndTime" ->
                    validation {
                        let! stamp = known [ "resolution" ]

                        and! resolution =
                            Json.withDefault "resolution" (TimeSpan.FromMilliseconds 100.0) span node

                        return ClockStamp(stamp, resolution)
                    }
                | _ -> known [] |> Result.map EpochStamp

            return time
        }
