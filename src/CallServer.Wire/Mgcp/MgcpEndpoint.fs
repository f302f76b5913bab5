namespace CallServer.Wire

open System

/// The name of an endpoint, `local@domain` (RFC 3435 §3.2.1.3). Each side has at most 255 characters. Case does not matter, so
/// compare names in their canonical form.
type EndpointName =
    {
        /// Terms between slashes; `*` stands for all of them, `$` for any one.
        Local: string
        /// A host name, an address in brackets, or `#` and a number.
        Domain: string
    }

    override this.ToString() = $"{this.Local}@{this.Domain}"

/// Reads, compares and matches endpoint names.
module EndpointName =
    [<Literal>]
    let private MaxSide = 255

    /// Visible ASCII and everything above ASCII.
    let private isName (text: string) =
        text.Length > 0 && text.Length <= MaxSide && text |> Seq.forall (fun c -> c > ' ' && c <> '\127')

    /// Splits the name at the last `@`; `None` if a side is empty, too long or not printable.
    let tryParse (text: string) : EndpointName option =
        let at = text.LastIndexOf '@'

        if at <= 0 || text.Length > 2 * MaxSide + 1 then
            None
        else
            let name = { Local = text.Substring(0, at); Domain = text.Substring(at + 1) }

            if isName name.Local && isName name.Domain && not (name.Local.Contains '@') then
                Some name
            else
                None

    /// Reads a name that may lack its domain, as some gateways write the names they list. It then gets this domain, usually that
    /// of the pattern that was asked for. `None` if the result is still not a name.
    let tryParseIn (domain: string) (text: string) : EndpointName option =
        if text.Contains '@' then tryParse text else tryParse $"{text}@{domain}"

    /// Reads a name that was checked before. Throws if it is invalid, which would be a programming error.
    let parse (text: string) : EndpointName =
        match tryParse text with
        | Some name -> name
        | None -> invalidArg (nameof text) $"not an endpoint name: '{text}'"

    /// The lower-case spelling, in which names are compared and recorded.
    let canonical (name: EndpointName) : EndpointName =
        { Local = name.Local.ToLowerInvariant(); Domain = name.Domain.ToLowerInvariant() }

    /// Whether two names mean the same endpoint; case does not matter.
    let equal (one: EndpointName) (other: EndpointName) : bool =
        String.Equals(one.Local, other.Local, StringComparison.OrdinalIgnoreCase)
        && String.Equals(one.Domain, other.Domain, StringComparison.OrdinalIgnoreCase)

    /// The terms of the local name, between its slashes.
    let terms (name: EndpointName) : string[] = name.Local.Split '/'

    /// Whether the name has an all-of wildcard, either `*` or a range in brackets. It then stands for every endpoint that
    /// matches.
    let isAllOf (name: EndpointName) : bool = name.Local.Contains '*' || name.Local.Contains '['

    /// Whether the name has the any-of wildcard `$`. It then stands for one endpoint that the gateway chooses.
    let isAnyOf (name: EndpointName) : bool = name.Local.Contains '$'

    /// Whether the name has a wildcard of either kind.
    let isWild (name: EndpointName) : bool = isAllOf name || isAnyOf name

    /// Whether the all-of pattern matches this local name. `*` stands for one term or, as the last term, for all that follow.
    let matches (pattern: EndpointName) (local: string) : bool =
        let asked = (canonical pattern).Local.Split '/'
        let given = local.ToLowerInvariant().Split '/'

        let rec go index =
            if index = asked.Length then index = given.Length
            elif index = given.Length then false
            elif asked[index] = "*" then index = asked.Length - 1 || go (index + 1)
            else asked[index] = given[index] && go (index + 1)

        go 0
