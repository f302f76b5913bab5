namespace CallServer.Protocols.Snmp

open System
open CallServer.Prelude
open CallServer.Ledger

/// What a profile's JSON says of how a table is proven: its counts, what it is kept under, the gateway's boot and clock, and how
/// its ids behave.
module internal ProfileProof =
    open ProfileSource

    /// `{ "scalars": [OID, ...], "columns": [OID, ...], "rowsPerUnit": 1, "atLeast": false }`
    let count (node: Json) : Validation<CountCheck> =
        validation {
            let! () = Json.onlyMembers [ "scalars"; "columns"; "rowsPerUnit"; "atLeast" ] node
            and! scalars = Json.withDefault "scalars" [] (oneOrMany oid) node
            and! columns = Json.withDefault "columns" [] (oneOrMany oid) node
            and! rows = Json.withDefault "rowsPerUnit" 1L (Json.integer 1L 1000L) node
            and! atLeast = Json.withDefault "atLeast" false Json.boolean node

            let! () =
                if scalars.IsEmpty && columns.IsEmpty then
                    Json.fail "lacks \"scalars\"" node
                else
                    Ok()

            return
                { Scalars = List.toArray scalars
                  Columns = List.toArray columns
                  RowsPerUnit = int rows
                  AtLeast = atLeast }
        }

    /// `{ "scalar": OID, "value": 1, "name": "what the MIB calls it" }`
    let precondition (node: Json) : Validation<Precondition> =
        validation {
            let! () = Json.onlyMembers [ "scalar"; "value"; "name" ] node
            and! at = Json.required "scalar" oid node
            and! among = Json.required "value" (oneOrMany scalar) node
            and! name = Json.optional "name" Json.text node

            return { Name = Option.defaultValue (string at) name; Scalar = at; Among = List.toArray among }
        }

    let boot (node: Json) : Validation<BootEvidence> =
        validation {
            let! () = Json.onlyMembers [ "token"; "scope"; "upTime" ] node
            and! token = Json.withDefault "token" (List.ofArray Profile.engineToken) (oneOrMany oid) node

            and! scope =
                Json.withDefault "scope" OfAgent (Json.oneOf [ "agent", OfAgent; "gateway", OfGateway ]) node

            and! upTime = Json.withDefault "upTime" Profile.sysUpTime oid node

            return { Token = List.toArray token; Scope = scope; UpTime = upTime }
        }

    let clock (node: Json) : Validation<ClockScalar> =
        validation {
            let! () = Json.onlyMembers [ "scalar"; "resolution" ] node
            and! scalar = Json.required "scalar" oid node
            and! resolution = Json.withDefault "resolution" (TimeSpan.FromMilliseconds 100.0) span node
            return ({ Oid = scalar; Resolution = resolution }: ClockScalar)
        }

    let traits (node: Json) : Validation<Traits> =
        validation {
            let! absences = Json.withDefault "absencesToClose" 1L (Json.integer 1L 100L) node
            and! tied = Json.withDefault "idsTiedToBoot" false Json.boolean node
            and! reuses = Json.withDefault "reusesIds" false Json.boolean node
            and! staleness = Json.withDefault "staleness" TimeSpan.Zero span node
            and! drift = Json.withDefault "driftPpm" Traits.usualDriftPpm (Json.number 0.0 100000.0) node

            return
                { Source = ValueNone
                  AbsencesToClose = int absences
                  IdsTiedToBoot = tied
                  ReusesIds = reuses
                  Staleness = staleness
                  DriftPpm = drift }
        }
