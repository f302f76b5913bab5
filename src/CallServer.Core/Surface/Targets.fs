namespace CallServer.Surface

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open System.Text
open CallServer.Prelude
open CallServer.Model
open CallServer.Audit
open CallServer.Wire

/// The SNMP profiles by which a gateway may be asked. Immutable.
[<Sealed>]
type ProfileCatalog private (profiles: (string * Profile)[]) =
    static let builtIn =
        lazy ProfileCatalog(Profiles.builtIn.Value |> Array.map (fun profile -> profile.Name, profile))

    /// The profiles that come with CallServer.
    static member BuiltIn: ProfileCatalog = builtIn.Value

    /// The names of the profiles, in the order in which they are tried.
    member _.Names: IReadOnlyList<string> = [| for name, _ in profiles -> name |]

    /// The text of a built-in profile with its comments, which a profile of one's own may begin with. Null where no profile has that name.
    static member Text(name: string) : string = ProfileTexts.tryText name |> Option.toObj

    /// The catalog with a user's own profiles before the others, from an object of name to profile. A profile of a name that is taken
    /// is replaced. Where the object has mistakes the catalog stays as it is.
    member this.With
        (profiles': Document, [<Out>] mistakes: byref<IReadOnlyList<DocumentMistake>>)
        : ProfileCatalog =
        match Json.entries ProfileJson.read profiles'.Node with
        | Ok added ->
            mistakes <- [||]
            let replaced = added |> List.map fst |> Set.ofList

            ProfileCatalog(
                Array.append
                    (Array.ofList added)
                    (profiles |> Array.filter (fun (name, _) -> not (replaced.Contains name)))
            )
        | Error found ->
            mistakes <- [| for m in found -> DocumentMistake(m.Path, m.Line, m.Message) |]
            this

    member internal _.Profiles: Profile[] = Array.map snd profiles

    member internal _.TryFind(name: string) =
        profiles |> Array.tryFind (fun (known, _) -> known = name) |> Option.map snd

/// How to begin audits over SNMP. Throws ArgumentException at what the caller has not checked.
[<AbstractClass; Sealed>]
type AuditTargets private () =
    static let snmp gateway credentials (profile: string) (catalog: ProfileCatalog) timeout attempts =
        let profile =
            match profile with
            | null -> None
            | name ->
                match catalog.TryFind name with
                | Some known -> Some known
                | None -> invalidArg (nameof profile) $"no such profile: {name}"

        AuditTarget.Check(timeout, attempts)

        let target =
            { Gateway = GatewayId.create gateway
              Credentials = credentials
              Profile = profile
              Candidates = catalog.Profiles
              Timeout = timeout
              Attempts = attempts }

        AuditTarget(
            Machine.audits
                SnmpAudit.Memory.none
                (SnmpAudit.begin' target)
                SnmpAudit.advance
                SnmpAudit.memory
                SnmpAudit.strays
                (fun _ -> Load.ofDatagrams),
            None,
            None
        )

    /// SNMPv2c. `profile` is null to try those of the catalog.
    static member SnmpCommunity
        (gateway, community: byte[], profile: string, catalog, timeout, attempts)
        : AuditTarget =
        snmp gateway (Community(Array.copy community)) profile catalog timeout attempts

    /// SNMPv3 with USM (RFC 3414): `auth` is null, md5, sha1, sha256, sha384 or sha512, `priv` is null or aes128, each with its
    /// passphrase. `context` may be null. `profile` is null to try those of the catalog.
    static member SnmpUser
        (
            gateway,
            user: string,
            auth: string,
            authPassphrase: byte[],
            priv: string,
            privPassphrase: byte[],
            context: string,
            profile: string,
            catalog,
            timeout,
            attempts
        ) : AuditTarget =
        let auth =
            match auth with
            | null -> None
            | "md5" -> Some Md5
            | "sha1" -> Some Sha1
            | "sha256" -> Some Sha256
            | "sha384" -> Some Sha384
            | "sha512" -> Some Sha512
            | other -> invalidArg (nameof auth) $"no such authentication protocol: {other}"
            |> Option.map (fun protocol -> struct (protocol, Secret.ofBytes authPassphrase))

        let priv =
            match priv with
            | null -> None
            | "aes128" -> Some(struct (Aes128, Secret.ofBytes privPassphrase))
            | other -> invalidArg (nameof priv) $"no such privacy protocol: {other}"

        let user: UsmUser = { Name = Encoding.UTF8.GetBytes user; Auth = auth; Priv = priv }
        let context = if isNull context then [||] else Encoding.UTF8.GetBytes context
        snmp gateway (User(user, context)) profile catalog timeout attempts
