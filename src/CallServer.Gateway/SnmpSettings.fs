namespace CallServer.Gateway

open System.Text
open CallServer.Wire

/// Makes the SNMP agent that the settings ask for.
module internal SnmpSettings =
    let private auth (word: string) =
        match word with
        | "md5" -> Ok Md5
        | "sha1" -> Ok Sha1
        | "sha256" -> Ok Sha256
        | "sha384" -> Ok Sha384
        | "sha512" -> Ok Sha512
        | other -> Error $"'{other}' is no way to authenticate; known are md5, sha1, sha256, sha384, sha512"

    let private priv (word: string) =
        match word with
        | "aes128" -> Ok Aes128
        | other -> Error $"'{other}' is no way to encrypt; known is aes128"

    /// A protocol with its passphrase; None if the word is null.
    let private protect (parse: string -> Result<'T, string>) (word: string) (passphrase: byte[]) =
        if isNull word then
            Ok None
        else
            parse word
            |> Result.bind (fun protocol ->
                // RFC 3414 section 11.2.
                if isNull passphrase || passphrase.Length < 8 then
                    Error $"{word} needs a passphrase of at least 8 octets"
                else
                    Ok(Some(struct (protocol, Secret.ofBytes passphrase))))

    let private users (settings: GatewaySettings) =
        if isNull settings.User then
            Ok []
        else
            protect auth settings.Auth settings.AuthPassphrase
            |> Result.bind (fun auth ->
                protect priv settings.Priv settings.PrivPassphrase
                |> Result.bind (fun priv ->
                    if auth.IsNone && priv.IsSome then
                        Error "SNMPv3 encrypts only what it authenticates"
                    else
                        Ok [ { Name = Encoding.UTF8.GetBytes settings.User; Auth = auth; Priv = priv } ]))

    /// The agent with the vices of these words; the errors name every mistake.
    let agent (settings: GatewaySettings) (words: string list) : Result<AgentOptions, string list> =
        let mib =
            match Gateways.tryMib settings.Profile with
            | Some mib -> Ok mib
            | None ->
                let known = String.concat ", " Gateways.profiles
                Error $"there is no profile '{settings.Profile}'; known are {known}"

        match Words.addAll ViceWords.words words Vices.none, users settings, mib with
        | Ok vices, Ok users, Ok mib ->
            Ok
                { AgentOptions.ofMib mib $"gw-{settings.Seed}" with
                    Community = ValueOption.ofObj settings.Community
                    Users = users
                    CalendarOffset = settings.ClockSkew
                    Vices = vices }
        | vices, users, mib ->
            Error
                [ match vices with
                  | Error mistakes -> yield! mistakes
                  | Ok _ -> ()
                  match users with
                  | Error mistake -> yield mistake
                  | Ok _ -> ()
                  match mib with
                  | Error mistake -> yield mistake
                  | Ok _ -> () ]
