namespace CallServer.Host.Cli.Live;

/// <summary>Where a person is in a live list: how it is sorted and filtered, and what is scrolled to.</summary>
internal sealed record Browsing
{
    /// <summary>The column it is sorted by, from 0; null for the server's own order.</summary>
    public int? Sort { get; init; }

    /// <summary>Whether the order is turned round.</summary>
    public bool Reverse { get; init; }

    /// <summary>What a row must contain; empty for every row.</summary>
    public string Filter { get; init; } = "";

    /// <summary>Whether a filter is being typed.</summary>
    public bool Typing { get; init; }

    /// <summary>The first row that is shown, from 0.</summary>
    public int First { get; init; }

    /// <summary>Whether the person has had enough.</summary>
    public bool Over { get; init; }

    /// <summary>What a key changes.</summary>
    /// <param name="key">The key.</param>
    /// <param name="columns">How many columns there are.</param>
    /// <param name="rows">How many rows match.</param>
    /// <param name="page">How many rows are shown at once.</param>
    public Browsing After(ConsoleKeyInfo key, int columns, int rows, int page) =>
        (Typing ? AfterTyping(key) : AfterCommand(key, columns, rows, page)).Within(rows, page);

    /// <summary>The same, with a first row that leaves no room empty.</summary>
    public Browsing Within(int rows, int page)
    {
        var first = Math.Clamp(First, 0, Math.Max(0, rows - page));
        return first == First ? this : this with { First = first };
    }

    private Browsing AfterTyping(ConsoleKeyInfo key) =>
        key.Key switch
        {
            ConsoleKey.Enter => this with { Typing = false },
            ConsoleKey.Escape => this with { Typing = false, Filter = "" },
            ConsoleKey.Backspace when Filter.Length > 0 => this with { Filter = Filter[..^1] },
            ConsoleKey.Backspace => this with { Typing = false },
            _ when !char.IsControl(key.KeyChar) => this with { Filter = Filter + key.KeyChar, First = 0 },
            _ => this,
        };

    private Browsing AfterCommand(ConsoleKeyInfo key, int columns, int rows, int page) =>
        (key.Key, key.KeyChar) switch
        {
            (_, 'q' or 'Q') => this with { Over = true },
            (_, 's') => this with { Sort = Next(columns), First = 0 },
            (_, 'S') => this with { Sort = Before(columns), First = 0 },
            (_, 'r' or 'R') => this with { Reverse = !Reverse, First = 0 },
            (_, '/') => this with { Typing = true },
            (ConsoleKey.Escape, _) => this with { Filter = "" },
            (ConsoleKey.UpArrow, _) or (_, 'k') => this with { First = First - 1 },
            (ConsoleKey.DownArrow, _) or (_, 'j') => this with { First = First + 1 },
            (ConsoleKey.PageUp, _) or (_, 'b') => this with { First = First - page },
            (ConsoleKey.PageDown, _) or (_, ' ') => this with { First = First + page },
            (ConsoleKey.Home, _) or (_, 'g') => this with { First = 0 },
            (ConsoleKey.End, _) or (_, 'G') => this with { First = rows },
            _ => this,
        };

    private int? Next(int columns) =>
        columns == 0 ? null
        : Sort is not { } now ? 0
        : now + 1 < columns ? now + 1
        : null;

    private int? Before(int columns) =>
        columns == 0 ? null
        : Sort is not { } now ? columns - 1
        : now > 0 ? now - 1
        : null;
}
