namespace CallServer.Protocols

open System
open System.Collections.Generic
open System.Globalization
open System.Net
open CallServer.Prelude

/// Where a gateway's datagrams may come from besides where it is asked.
[<RequireQualifiedAccess>]
type Replies =
    | FromNowhereElse
    /// Any port of the host that is asked.
    | FromAnyPort
    /// Any port of this host.
    | From of host: string

module internal Cut =
    /// What stands before the first mark, and what stands after it; nothing where there is no mark.
    let atFirst (mark: char) (text: string) : struct (string * string voption) =
        match text.IndexOf mark with
        | -1 -> struct (text, ValueNone)
        | at -> struct (text.Substring(0, at), ValueSome(text.Substring(at + 1)))

/// A gateway's URI while its protocol reads it. Every mistake is kept, and reading goes on; a secret in it is not repeated.
[<Sealed>]
type internal GatewayText(text: string, scheme: string, defaultPort: int) =
    static let anyPort = "any-port"

    static let secretWords =
        [ "community"
          "password"
          "pass"
          "passphrase"
          "secret"
          "authpass"
          "privpass"
          "authkey"
          "privkey"
          "key"
          "token" ]

    let mistakes = ResizeArray<string>()

    // Underscores are common in closed networks. What is all digits and dots has to be a whole address: 10.0.0 is a slip.
    static let isHostName (host: string) =
        if host |> Seq.forall (fun c -> Char.IsDigit c || c = '.') then
            host.Split('.').Length = 4 && fst (IPAddress.TryParse host)
        else
            host.Length <= 253
            && host.TrimEnd('.').Split('.')
               |> Array.forall (fun label ->
                   label.Length > 0
                   && label.Length <= 63
                   && label |> Seq.forall (fun c -> Char.IsAsciiLetterOrDigit c || c = '-' || c = '_')
                   && label[0] <> '-'
                   && label[label.Length - 1] <> '-')

    /// As it was written.
    member _.Text = text
    /// In lower case.
    member _.Scheme = scheme
    member _.Mistakes: IReadOnlyList<string> = mistakes
    /// Known after ReadHost.
    member val Host = "" with get, set
    /// Known after ReadHost.
    member val Port = defaultPort with get, set
    /// Known after ReadQuery.
    member val Replies = Replies.FromNowhereElse with get, set

    member _.Fail(mistake: string) = mistakes.Add mistake

    /// What stands between // and the options, and the options; nothing where the beginning is wrong.
    member this.Split() : struct (string * string voption) voption =
        let rest = text.Substring(scheme.Length + 1)

        if not (rest.StartsWith("//", StringComparison.Ordinal)) then
            this.Fail $"// is expected after {scheme}:"
            ValueNone
        else
            this.TakeQuery(rest.Substring 2)
            |> ValueOption.map (fun (struct (authority, query)) ->
                match authority.IndexOf '/' with
                | -1 -> struct (authority, query)
                | slash ->
                    if slash <> authority.Length - 1 then
                        this.Fail "a gateway has no path: options follow a ?"

                    struct (authority.Substring(0, slash), query))

    /// Before and after the first question mark; nothing where there is a fragment.
    member this.TakeQuery(rest: string) : struct (string * string voption) voption =
        if rest.Contains '#' then
            this.Fail "a gateway has no #fragment"
            ValueNone
        else
            ValueSome(Cut.atFirst '?' rest)

    /// What stands before the @, as written, and what stands after it. A secret after a colon is refused, with these words of where
    /// it comes from, and not returned.
    member this.TakeUser(authority: string, secretsComeFrom: string) : struct (string voption * string) =
        match authority.LastIndexOf '@' with
        | -1 -> struct (ValueNone, authority)
        | at ->
            let user, rest = authority.Substring(0, at), authority.Substring(at + 1)

            match user.IndexOf ':' with
            | -1 ->
                if user.Length = 0 then
                    this.Fail "the user before @ is empty"

                struct (ValueSome user, rest)
            | colon ->
                this.Fail $"a secret must not stand in a URI; {secretsComeFrom}"
                struct (ValueSome(user.Substring(0, colon)), rest)

    /// The rest, of protocols that know no user.
    member this.RefuseUser(authority: string) : string =
        let struct (user, rest) = this.TakeUser(authority, $"{scheme} gateways take none")

        match user with
        | ValueSome user when user.Length > 0 ->
            this.Fail $"{scheme} gateways know no user: {scheme}://HOST is expected"
        | ValueSome _
        | ValueNone -> ()

        rest

    member private this.ReadPort(port: string) =
        match Int32.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, number when number >= 1 && number <= 65535 -> this.Port <- number
        | _ -> this.Fail $"'{port}' is no port: a number from 1 to 65535 is expected"

    member private this.ReadBracketed(authority: string) =
        match authority.IndexOf ']' with
        | -1 -> this.Fail "the ] after the IPv6 address is missing"
        | stop ->
            this.Host <- authority.Substring(1, stop - 1).Replace("%25", "%", StringComparison.Ordinal)
            let after = authority.Substring(stop + 1)

            if after.Length > 0 && after[0] <> ':' then
                this.Fail $"'{after}' cannot follow the ] of an address"

            match IPAddress.TryParse this.Host with
            | true, address when address.GetAddressBytes().Length = 16 -> ()
            | _ -> this.Fail $"'{this.Host}' is no IPv6 address"

            if after.StartsWith ':' then
                this.ReadPort(after.Substring 1)

    /// HOST or HOST:PORT; an IPv6 address stands in brackets.
    member this.ReadHost(authority: string) =
        if authority.StartsWith '[' then
            this.ReadBracketed authority
        else
            let struct (host, port) = Cut.atFirst ':' authority
            this.Host <- host

            match port with
            | ValueSome port when port.Contains ':' ->
                this.Fail $"an IPv6 address stands in brackets: [2001:db8::1]:{this.Port}"
            | _ ->
                if host.Length = 0 then
                    this.Fail "the host is missing"
                elif not (isHostName host) then
                    this.Fail $"'{host}' is no host name or address"

                ValueOption.iter this.ReadPort port

    /// NAME=VALUE between these marks, as written; none twice, none unknown, none a secret.
    member this.ReadOptions(query: string voption, mark: char, known: string list) : Map<string, string> =
        let take options (part: string) =
            let struct (name, value) = Cut.atFirst '=' part

            let fail mistake =
                this.Fail mistake
                options

            if
                secretWords |> List.exists (fun word -> name.Equals(word, StringComparison.OrdinalIgnoreCase))
            then
                fail
                    $"{name}= would put a secret into a URI; it comes from env:NAME or file:PATH (--community-from, --auth-from, --priv-from)"
            elif known.IsEmpty then
                fail $"'{name}' is no option of {scheme} gateways: they have none"
            elif not (List.contains name known) then
                let all = String.concat ", " known
                fail $"'{name}' is no option of {scheme} gateways{Nearest.hint name known}; known are {all}"
            elif ValueOption.defaultValue "" value = "" then
                fail $"{name}= lacks its value"
            elif Map.containsKey name options then
                fail $"{name}= stands there twice"
            else
                Map.add name value.Value options

        (query |> ValueOption.defaultValue "").Split(mark, StringSplitOptions.RemoveEmptyEntries)
        |> Array.fold take Map.empty

    /// The options after the ?, as written: the protocol's own, and `replies=any-port|HOST`, which every gateway has.
    member this.ReadQuery(query: string voption, known: string list) : Map<string, string> =
        let options = this.ReadOptions(query, '&', known @ [ "replies" ])

        match this.ReadText(options, "replies") with
        | ValueNone -> ()
        | ValueSome replies when replies = anyPort -> this.Replies <- Replies.FromAnyPort
        | ValueSome replies ->
            let host = replies.Trim('[', ']')

            if fst (IPAddress.TryParse host) || isHostName host then
                this.Replies <- Replies.From host
            else
                this.Fail $"replies={replies} is neither {anyPort} nor a host that replies come from"

        options

    member this.Decode(part: string, what: string) : string =
        let decoded = Uri.UnescapeDataString part

        if decoded |> Seq.exists Char.IsControl then
            this.Fail $"{what} holds a control character"

        decoded

    /// An option's text, decoded; nothing where it is not there.
    member this.ReadText(options: Map<string, string>, name: string) : string voption =
        match Map.tryFind name options with
        | Some value -> ValueSome(this.Decode(value, name))
        | None -> ValueNone

    /// The path that an option names, with the slash before it; nothing where it is not there, or is no path.
    member this.ReadPath(options: Map<string, string>, name: string, example: string) : string voption =
        match this.ReadText(options, name) with
        | ValueNone -> ValueNone
        | ValueSome text ->
            let path = text.Trim '/'

            if
                path <> "" && path |> Seq.forall (fun c -> Char.IsAsciiLetterOrDigit c || "/-_.~".Contains c)
            then
                ValueSome("/" + path)
            else
                this.Fail $"{name}={text} is no path such as {example}"
                ValueNone

    /// What an option's word stands for; nothing where it is not there, or is none of these.
    member this.ReadWord(options: Map<string, string>, name: string, words: (string * 'T) list) : 'T voption =
        match this.ReadText(options, name) with
        | ValueNone -> ValueNone
        | ValueSome word ->
            match List.tryFind (fst >> (=) word) words with
            | Some(_, meaning) -> ValueSome meaning
            | None ->
                let all = words |> List.map fst
                let known = String.concat ", " all
                this.Fail $"{name}={word} is not known{Nearest.hint word all}; known are {known}"
                ValueNone

    /// Whether a text could stand as HOST in a URI.
    static member IsHost(host: string) =
        let alone = GatewayText("", "", 1)
        alone.ReadHost host
        alone.Mistakes.Count = 0
