using System.CommandLine;
using System.Globalization;
using CallServer.Host.Cli.Completion;
using CallServer.Host.Cli.Server;
using CallServer.Surface;

namespace CallServer.Host.Cli.Disputes;

/// <summary><c>callserver dispute</c>: judges a partner's CDRs by the record.</summary>
internal sealed class DisputeCommand(Terminal terminal, Surroundings surroundings)
{
    private readonly ServerOptions server = new();

    private readonly Argument<string> file = new("FILE")
    {
        HelpName = "FILE.csv",
        Description = "The partner's CDRs, as comma, semicolon or tab separated values",
        CompletionSources = { Suggestions.OfFiles },
    };

    private readonly Option<string?> map = new("--map")
    {
        Description =
            "Which column tells what: answer, start, end, billsec, duration, src, dst, call; by name, or by place as in billsec=#5 [default: guessed from the header]",
        HelpName = "ROLE=COLUMN,…",
    };

    private readonly Option<TimeSpan?> skew = Options.Duration(
        "--clock-skew",
        "How far the partner's clock and ours may be apart [default: 2s]"
    );

    private readonly Option<TimeSpan?> rounding = Options.Duration(
        "--rounding",
        "To what the partner rounds durations, up or down [default: 1s]"
    );

    private readonly Option<TimeSpan?> ring = Options.Duration(
        "--ring",
        "How long a call may ring where a row does not tell when it was answered [default: 3m]"
    );

    private readonly Option<TimeZoneInfo> zone = new("--zone")
    {
        Description = "The zone of times without an offset, such as Europe/Zurich or +01:00 [default: UTC]",
        HelpName = "ZONE",
        CustomParser = result => Options.Read(result, ReadZone),
        DefaultValueFactory = _ => TimeZoneInfo.Utc,
    };

    private readonly Option<string?> format = new("--time-format")
    {
        Description =
            "How times are written, such as 'dd.MM.yyyy HH:mm:ss' [default: ISO 8601, or seconds since 1970]",
        HelpName = "FORMAT",
    };

    private readonly Option<NumberRule> numbers = new("--numbers")
    {
        Description =
            "When numbers rule out that a connection is a call: one (of four told numbers at least one has to agree), told (of those that are told), never [default: one]",
        HelpName = "one|told|never",
        CustomParser = result => Options.Read(result, ReadRule),
        DefaultValueFactory = _ => NumberRule.OneAgrees,
    };

    private readonly Option<int> looks = new("--looks")
    {
        Description = "How many complete audits of every gateway it takes to disprove a call",
        HelpName = "N",
        DefaultValueFactory = _ => 2,
    };

    private readonly Option<CallRate?> rate = new("--rate")
    {
        Description = "What a call costs, such as '0.012 EUR/min:60/60' (first 60 s, then steps of 60 s)",
        HelpName = "RATE",
        CustomParser = result =>
            Options.Read<CallRate?>(
                result,
                text =>
                    CallRate.TryParse(text, out var read)
                        ? read
                        : throw new FormatException($"'{text}' is no rate: {CallRate.Expected}")
            ),
    };

    private readonly Option<string[]> gateway = new("--gateway")
    {
        Description =
            "Only this gateway may have carried the partner's calls; may be repeated [default: all]",
        HelpName = "ID",
    };

    private readonly Option<string?> html = new("--html")
    {
        Description = "Write a page for people besides",
        HelpName = "FILE",
    };

    private readonly Option<bool> json = Options.Json("One JSON object a row");
    private readonly Option<bool> csv = new("--csv") { Description = "One line a row, with a header" };

    public Command Build()
    {
        var command = new Command(
            "dispute",
            "Judges a partner's CDRs by the record: proved, possible, disproved or unknown."
        );
        command.Arguments.Add(file);
        server.AddTo(command);
        foreach (
            var option in new Option[]
            {
                map,
                skew,
                rounding,
                ring,
                zone,
                format,
                numbers,
                looks,
                rate,
                gateway,
                html,
                json,
                csv,
            }
        )
            command.Options.Add(option);
        command.Validators.Add(result =>
        {
            if (result.GetValue(csv) && result.GetValue(json))
                result.AddError("--csv and --json are two formats: take one");
        });
        command.SetAction(RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        if (parsed.GetValue(looks) is < 1 or > 1000)
            throw new CommandFailedException(ExitCode.Usage, "callserver: --looks: 1 to 1000 is expected");
        using var client = server.Client(parsed, surroundings);
        var record = new OurRecord(client);
        var gateways = await record.GatewaysAsync(parsed.GetValue(gateway) ?? [], cancel);
        var priced = parsed.GetValue(rate);
        var book = new DisputeBook(
            new DisputeTerms(
                parsed.GetValue(skew) ?? TimeSpan.FromSeconds(2),
                parsed.GetValue(rounding) ?? TimeSpan.FromSeconds(1),
                parsed.GetValue(ring) ?? TimeSpan.FromMinutes(3),
                parsed.GetValue(numbers),
                parsed.GetValue(looks),
                priced
            ),
            gateways
        );
        var told = Read(parsed, book, cancel);
        if (book.Since is { } since)
            await record.ReadIntoAsync(book, gateways, since, cancel);
        if (book.ClockOffset is { } offset)
            throw new CommandFailedException(
                ExitCode.Usage,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"callserver: the partner's times are {Math.Abs(offset.TotalSeconds):0.#} s {(offset > TimeSpan.Zero ? "after" : "before")} ours, in the middle of all calls that can be told by their id or numbers alone."
                ),
                "Name the partner's --zone, or a larger --clock-skew; times were taken from these columns:",
                $"  {told}"
            );

        var verdicts = book.Judge();
        if (parsed.GetValue(json))
            await DisputeLines.WriteJsonAsync(terminal.Out, verdicts, cancel);
        else if (parsed.GetValue(csv))
            await DisputeLines.WriteCsvAsync(terminal.Out, verdicts, cancel);
        else
            DisputePage.Write(terminal, verdicts, priced?.Currency);
        if (parsed.GetValue(html) is { } page)
            await WriteHtmlAsync(page, parsed.GetValue(file)!, told, verdicts, priced?.Currency, cancel);
        return ExitCode.Complete;
    }

    private string Read(ParseResult parsed, DisputeBook book, CancellationToken cancel)
    {
        var path = parsed.GetValue(file)!;
        try
        {
            return new PartnerFile(
                path,
                parsed.GetValue(map),
                new PartnerTime(parsed.GetValue(zone)!, parsed.GetValue(format))
            ).ReadInto(book, cancel);
        }
        catch (Exception fault)
            when (fault is IOException or UnauthorizedAccessException or FormatException or ArgumentException)
        {
            throw new CommandFailedException(ExitCode.Usage, $"callserver: {path}: {fault.Message}");
        }
    }

    private static async Task WriteHtmlAsync(
        string page,
        string partner,
        string told,
        DisputeVerdicts verdicts,
        string? currency,
        CancellationToken cancel
    )
    {
        try
        {
            await using var output = new StreamWriter(page);
            await DisputeHtml.WriteAsync(output, Path.GetFileName(partner), told, verdicts, currency, cancel);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException(ExitCode.Usage, $"callserver: --html: {fault.Message}");
        }
    }

    private static NumberRule ReadRule(string text) =>
        text switch
        {
            "one" => NumberRule.OneAgrees,
            "told" => NumberRule.ToldAgrees,
            "never" => NumberRule.Never,
            _ => throw new FormatException($"'{text}' is not one of one, told, never"),
        };

    private static TimeZoneInfo ReadZone(string text)
    {
        if (
            text.Length > 1
            && text[0] is '+' or '-'
            && TimeSpan.TryParseExact(text[1..], @"hh\:mm", CultureInfo.InvariantCulture, out var offset)
            && offset <= TimeSpan.FromHours(14)
        )
            return TimeZoneInfo.CreateCustomTimeZone(text, text[0] == '-' ? -offset : offset, text, text);
        return TimeZoneInfo.TryFindSystemTimeZoneById(text, out var found)
            ? found
            : throw new FormatException($"'{text}' is no time zone: Europe/Zurich or +01:00 is expected");
    }
}
