using System.Text.Json;
using Spectre.Console;

namespace CallServer.Host.Cli.Output;

/// <summary>One column of a list.</summary>
/// <param name="Header">The column's heading.</param>
/// <param name="Cell">The text for one object; null or empty if it has none.</param>
public sealed record Column(string Header, Func<JsonElement, string?> Cell)
{
    /// <summary>
    /// Where a terminal is too narrow, columns with the highest rank are dropped first; 0 is never dropped.
    /// </summary>
    public int Rank { get; init; }

    /// <summary>The width to which it may be cut to make room for others; 0 is never cut.</summary>
    public int Least { get; init; }

    /// <summary>Whether it is cut in the middle, because its ends tell the rows apart.</summary>
    public bool CutInside { get; init; }

    public bool Right { get; init; }

    /// <summary>What rows are sorted by; null for the cell itself.</summary>
    public Func<JsonElement, double?>? Order { get; init; }

    public Func<JsonElement, Style?> Style { get; init; } = static _ => null;

    /// <summary>A column that shows a member as it is.</summary>
    public static Column Of(string header, string member) => new(header, row => row.Text(member));
}
