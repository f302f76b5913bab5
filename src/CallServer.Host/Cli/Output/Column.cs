using System.Text.Json;
using Spectre.Console;

namespace CallServer.Host.Cli.Output;

/// <summary>One column of a list.</summary>
/// <param name="Header">What stands above it.</param>
/// <param name="Cell">The text for one object; null or empty where it does not tell.</param>
public sealed record Column(string Header, Func<JsonElement, string?> Cell)
{
    /// <summary>Columns of the highest rank leave first where a terminal is too narrow; 0 stays always.</summary>
    public int Rank { get; init; }

    /// <summary>It may be cut to this width to let others stand beside it; 0 is never cut.</summary>
    public int Least { get; init; }

    /// <summary>It is cut in the middle: its ends tell the rows apart.</summary>
    public bool CutInside { get; init; }

    public bool Right { get; init; }

    public Func<JsonElement, Style?> Style { get; init; } = static _ => null;

    /// <summary>A column that shows a member as it is.</summary>
    public static Column Of(string header, string member) => new(header, row => row.Text(member));
}
