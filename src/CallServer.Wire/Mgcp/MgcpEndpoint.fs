namespace CallServer.Wire

open System

/// The name of an endpoint, local@domain (RFC 3435 §3.2.1.3), each side at most 255 characters. Case does not matter: names are
/// compared in their canonical form.
type EndpointName =
    {
        /// Terms between slashes; `*` stands for all, `$` for any.
        Local: string
        /// A host name, an address in brackets, or `#` and a number.
        Domain: string
    }

    override this.ToString() = $"{this.Local}@{this.Domain}"

module EndpointName =
    [<Literal>]
    let private MaxSide = 255

    /// Visible ASCII, and whatever stands above it; no second `@` in the domain.
    let private isName (text: string) =
        text.Length > 0 && text.Length <= MaxSide && text |> Seq.forall (fun c -> c > ' ' && c <> '\127')

    /// The name is split at the last `@`.
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

    /// A name that may lack its domain, as some gateways write those that they list: then it is that of the pattern asked for.
    let tryParseIn (domain: string) (text: string) : EndpointName option =
        if text.Contains '@' then tryParse text else tryParse $"{text}@{domain}"

    /// For names that were checked before; a bad one is our own mistake and throws.
    let parse (text: string) : EndpointName =
        match tryParse text with
        | Some name -> name
        | None -> invalidArg (nameof text) $"not an endpoint name: '{text}'"

    /// The spelling under which names are compared and recorded.
    let canonical (name: EndpointName) : EndpointName =
        { Local = name.Local.ToLowerInvariant(); Domain = name.Domain.ToLowerInvariant() }

    let equal (one: EndpointName) (other: EndpointName) : bool =
        String.Equals(one.Local, other.Local, StringComparison.OrdinalIgnoreCase)
        && String.Equals(one.Domain, other.Domain, StringComparison.OrdinalIgnoreCase)

    let terms (name: EndpointName) : string[] = name.Local.Split '/'

    /// A wildcard that stands for every endpoint that matches, written as a term of its own or as a range.
    let isAllOf (name: EndpointName) : bool = name.Local.Contains '*' || name.Local.Contains '['

    let isAnyOf (name: EndpointName) : bool = name.Local.Contains '$'

    let isWild (name: EndpointName) : bool = isAllOf name || isAnyOf name

    /// Whether the all-of wildcard stands for this local name: `*` for one term, as the last one for all that follow.
    let matches (pattern: EndpointName) (local: string) : bool =
        let asked = (canonical pattern).Local.Split '/'
        let given = local.ToLowerInvariant().Split '/'

        let rec go index =
            if index = asked.Length then index = given.Length
            elif index = given.Length then false
            elif asked[index] = "*" then index = asked.Length - 1 || go (index + 1)
            else asked[index] = given[index] && go (index + 1)

        go 0
