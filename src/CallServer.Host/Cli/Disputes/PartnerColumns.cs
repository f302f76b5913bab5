using CallServer.Surface;

namespace CallServer.Host.Cli.Disputes;

/// <summary>What a column of a partner's file tells.</summary>
internal enum PartnerRole
{
    /// <summary>When the call was answered.</summary>
    Answer,

    /// <summary>When it began, before it was answered.</summary>
    Start,

    End,

    /// <summary>The seconds from answer to end.</summary>
    Billsec,

    /// <summary>The seconds from its beginning to its end.</summary>
    Duration,

    Src,
    Dst,
    Call,
}

/// <summary>Which column tells what: as somebody says, or else by the names that the programs people have give them.</summary>
internal sealed class PartnerColumns
{
    /// <summary>Names without case, underscores, blanks and dashes. The first that a file has is taken.</summary>
    private static readonly Dictionary<PartnerRole, string[]> Known = new()
    {
        // FreeSWITCH, Asterisk, Cisco, and ours, which are the same as FreeSWITCH's.
        [PartnerRole.Answer] =
        [
            "answerstamp",
            "answer",
            "answertime",
            "answeredat",
            "datetimeconnect",
            "connecttime",
        ],
        // Kamailio's acc has start_time, Asterisk's tables calldate.
        [PartnerRole.Start] =
        [
            "startstamp",
            "start",
            "calldate",
            "starttime",
            "callstarttime",
            "setuptime",
            "datetimeorigination",
        ],
        [PartnerRole.End] = ["endstamp", "end", "endtime", "datetimedisconnect", "disconnecttime"],
        [PartnerRole.Billsec] = ["billsec", "billedseconds", "billseconds", "talktime"],
        [PartnerRole.Duration] = ["duration", "callduration"],
        [PartnerRole.Src] =
        [
            "calleridnumber",
            "src",
            "originator",
            "srcuser",
            "srcusername",
            "caller",
            "callingpartynumber",
            "callingnumber",
            "anumber",
            "from",
        ],
        [PartnerRole.Dst] =
        [
            "destinationnumber",
            "dst",
            "remote",
            "dstuser",
            "dstusername",
            "callee",
            "called",
            "finalcalledpartynumber",
            "callednumber",
            "bnumber",
            "to",
        ],
        [PartnerRole.Call] = ["sipcallid", "callid", "call", "uniqueid", "uuid", "globalcallid"],
    };

    /// <summary>The columns of Asterisk's Master.csv, which has no header.</summary>
    private static readonly string[] Asterisk =
    [
        "accountcode",
        "src",
        "dst",
        "dcontext",
        "clid",
        "channel",
        "dstchannel",
        "lastapp",
        "lastdata",
        "start",
        "answer",
        "end",
        "duration",
        "billsec",
        "disposition",
        "amaflags",
        "uniqueid",
        "userfield",
    ];

    private readonly Dictionary<PartnerRole, int> places;

    private PartnerColumns(Dictionary<PartnerRole, int> places, bool hasHeader)
    {
        this.places = places;
        HasHeader = hasHeader;
    }

    /// <summary>Whether the first line names the columns.</summary>
    public bool HasHeader { get; }

    /// <summary>The place of a column, from 0; -1 if the file does not have it.</summary>
    public int Of(PartnerRole role) => places.GetValueOrDefault(role, -1);

    /// <summary>What was taken for what, for people: <c>answer=answer_stamp billsec=billsec</c>.</summary>
    public string Told(IReadOnlyList<string> header) =>
        string.Join(
            ", ",
            places
                .OrderBy(place => place.Key)
                .Select(place =>
                    $"{Name(place.Key)}={(HasHeader ? header[place.Value].Trim() : $"#{place.Value + 1}")}"
                )
        );

    /// <summary>
    /// Reads <c>answer=calldate,billsec=#5,…</c>: a column by its name, or by its place from 1. What is not said is guessed
    /// from the header.
    /// </summary>
    /// <exception cref="FormatException">A column is not there, or what a file must have is missing.</exception>
    public static PartnerColumns Of(IReadOnlyList<string> first, string? map)
    {
        var names = first.Select(Plain).ToList();
        var hasHeader = names.Any(name => Known.Values.Any(known => known.Contains(name)));
        if (!hasHeader && map is null && first.Count >= 16 && first.Count <= Asterisk.Length + 3)
            names = [.. Asterisk];
        var places = new Dictionary<PartnerRole, int>();
        foreach (var (role, known) in Known)
        {
            var place = known.Select(name => names.IndexOf(name)).FirstOrDefault(at => at >= 0, -1);
            if (place >= 0)
                places[role] = place;
        }

        foreach (var part in map?.Split(',', StringSplitOptions.TrimEntries) ?? [])
        {
            var (role, place) = Mapping(part, first);
            places[role] = place;
        }
        // A header with names of its own is one, too.
        hasHeader |=
            map is not null
            && map.Contains('=', StringComparison.Ordinal)
            && !map.Contains("=#", StringComparison.Ordinal);
        if (!places.Keys.Any(role => role is PartnerRole.Answer or PartnerRole.Start or PartnerRole.End))
            throw new FormatException(
                $"no column tells when a call was: --map answer=COLUMN,billsec=COLUMN,… ({Shown(first)})"
            );
        if (
            !places.ContainsKey(PartnerRole.Billsec)
            && !places.ContainsKey(PartnerRole.Duration)
            && !(places.ContainsKey(PartnerRole.Answer) && places.ContainsKey(PartnerRole.End))
        )
            throw new FormatException(
                $"no column tells how long a call was: --map billsec=COLUMN ({Shown(first)})"
            );
        return new PartnerColumns(places, hasHeader);
    }

    private static (PartnerRole Role, int Place) Mapping(string part, IReadOnlyList<string> first)
    {
        var at = part.IndexOf('=', StringComparison.Ordinal);
        var roles = Enum.GetValues<PartnerRole>();
        var word = at < 0 ? part : part[..at];
        if (at < 0 || !roles.Any(role => Name(role) == word))
            throw new FormatException(
                $"'{part}': ROLE=COLUMN is expected, and a role is one of {string.Join(", ", roles.Select(Name))}"
            );
        var column = part[(at + 1)..];
        var place =
            column.StartsWith('#') && int.TryParse(column[1..], out var number)
                ? number - 1
                : first.Select(Plain).ToList().IndexOf(Plain(column));
        return place >= 0 && place < first.Count
            ? (roles.First(role => Name(role) == word), place)
            : throw new FormatException($"there is no column '{column}' ({Shown(first)})");
    }

    private static string Name(PartnerRole role) =>
        role switch
        {
            PartnerRole.Answer => "answer",
            PartnerRole.Start => "start",
            PartnerRole.End => "end",
            PartnerRole.Billsec => "billsec",
            PartnerRole.Duration => "duration",
            PartnerRole.Src => "src",
            PartnerRole.Dst => "dst",
            _ => "call",
        };

    private static string Shown(IReadOnlyList<string> first) =>
        $"its first line: {string.Join(", ", first.Take(20))}";

    private static string Plain(string name) =>
        new([.. name.Where(char.IsLetterOrDigit).Select(char.ToLowerInvariant)]);
}
