namespace CallServer.Protocols.Snmp

open System
open CallServer.Prelude

/// The profiles that come with the product.
module Profiles =
    let names = ProfileTexts.names

    let private load (name: string) : Profile =
        match Json.parseOctets (ProfileTexts.tryOctets name).Value |> Result.bind (ProfileJson.read name) with
        | Ok profile -> profile
        | Error mistakes ->
            let text = String.Join("; ", mistakes)
            invalidOp $"built-in profile {name}: {text}"

    /// By name, in the order of preference. Each is read when it is first needed: a start needs few of them or none.
    let byName: (string * Lazy<Profile>)[] = [| for name in names -> name, lazy load name |]

    /// In the order of preference.
    let builtIn: Lazy<Profile[]> = lazy (byName |> Array.map (fun (_, profile) -> profile.Value))

    let tryFind (name: string) : Profile option =
        byName |> Array.tryFind (fst >> (=) name) |> Option.map (fun (_, profile) -> profile.Value)
