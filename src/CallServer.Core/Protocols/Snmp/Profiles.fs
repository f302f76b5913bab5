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

    /// In the order of preference.
    let builtIn: Lazy<Profile[]> = lazy (names |> List.map load |> List.toArray)

    let tryFind (name: string) : Profile option =
        builtIn.Value |> Array.tryFind (fun profile -> profile.Name = name)
