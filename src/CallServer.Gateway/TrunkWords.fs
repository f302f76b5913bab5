namespace CallServer.Gateway

open System
open System.Globalization

/// Reads trunks from the command line: SEED:CONNECTIONS[:CHURN][:far].
module internal TrunkWords =
    let private whole (text: string) : uint64 voption =
        match UInt64.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, value -> ValueSome value
        | _ -> ValueNone

    let private rate (text: string) : float voption =
        match Double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture) with
        | true, value when value <= 1e5 -> ValueSome value
        | _ -> ValueNone

    let parse (words: string) : Result<Trunk, string> =
        let ended, parts =
            match words.Split ':' with
            | parts when parts.Length > 1 && parts[parts.Length - 1] = "far" ->
                Far, Array.truncate (parts.Length - 1) parts
            | parts -> Near, parts

        let seed = parts |> Array.tryItem 0 |> Option.map whole
        let connections = parts |> Array.tryItem 1 |> Option.map whole
        let churn = parts |> Array.tryItem 2 |> Option.map rate |> Option.defaultValue (ValueSome 0.0)

        match seed, connections, churn with
        | Some(ValueSome seed), Some(ValueSome connections), ValueSome churn when
            parts.Length <= 3 && connections <= 1_000_000UL
            ->
            Ok { Seed = seed; Connections = int connections; Churn = churn; End = ended }
        | _ -> Error $"'{words}' is no trunk: SEED:CONNECTIONS[:CHURN][:far], such as 7:20:0.5:far"
