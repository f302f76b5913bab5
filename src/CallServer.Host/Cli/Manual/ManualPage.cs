using System.CommandLine;
using System.CommandLine.Help;
using System.Text;
using CallServer.Surface;

namespace CallServer.Host.Cli.Manual;

/// <summary>A command line as a page in man(7)'s macros.</summary>
internal static class ManualPage
{
    private const string Head = """
        .TH CALLSERVER 1 "" CallServer "User Commands"
        .nh
        .ad l
        .SH NAME
        callserver \- keep the record of active media connections by asking the media gateways
        .SH SYNOPSIS
        .B callserver
        .I verb
        .RI [ argument " ...] [" option " ...]"
        .SH DESCRIPTION
        .B callserver
        asks media gateways for their active connections, over the protocol that each of them speaks, keeps the
        record of them, and writes a CDR when one ends.
        As a service it is
        .BR callserver.service ,
        which runs
        .B callserver run
        as its own user.
        .SH VERBS

        """;

    private const string Tail = """
        .SH EXIT STATUS
        .TP
        .B 0
        It is done, or complete.
        .TP
        .B 1
        A gateway was reached, but did not tell everything.
        .TP
        .B 2
        A gateway is silent or refuses, or no server answers.
        .TP
        .B 64
        The command line or the configuration is wrong: each mistake is named on standard error.
        .TP
        .B 70
        A fault of CallServer itself.
        .SH SIGNALS
        .TP
        .B SIGHUP
        .B callserver run
        reads its configuration again, and takes it whole or not at all.
        .TP
        .BR SIGTERM ", " SIGINT
        It saves the record and stops, within five seconds.
        .SH ENVIRONMENT
        .TP
        .BI CALLSERVER__ SECTION __ KEY
        Overrides a value of the configuration, such as
        .BR CALLSERVER__POLLING__INTERVAL=5s .
        .TP
        .BR NOTIFY_SOCKET ", " WATCHDOG_USEC
        Set by a service manager: it is told when
        .B callserver run
        is ready, that it lives, and that it stops; see
        .BR sd_notify (3).
        .SH FILES
        .TP
        .I /etc/callserver/callserver.json
        The configuration of the service.
        .TP
        .I /var/lib/callserver
        The record of the service, and its CDR files.
        .TP
        .I /usr/share/callserver
        Alerts for Prometheus, and a dashboard for Grafana.
        .SH SEE ALSO
        .BR systemctl (1),
        .BR journalctl (1)

        """;

    /// <summary>The whole page.</summary>
    /// <param name="root">The command line.</param>
    /// <param name="protocols">The protocols in which gateways can be asked.</param>
    public static string Of(Command root, GatewayProtocols protocols)
    {
        var page = new StringBuilder();
        page.Append(Head.ReplaceLineEndings("\n"));
        foreach (var verb in Shown(root.Subcommands))
            Verb(page, verb, verb.Name, protocols);
        return page.Append(Tail.ReplaceLineEndings("\n")).ToString();
    }

    private static void Verb(StringBuilder page, Command verb, string path, GatewayProtocols protocols)
    {
        page.Append(".SS \"callserver ").Append(Escape(path));
        foreach (var argument in verb.Arguments.Where(argument => !argument.Hidden))
            page.Append(' ').Append(Escape(Placed(argument)));
        page.Append("\"\n");
        Paragraph(page, verb.Description);
        foreach (var argument in verb.Arguments.Where(argument => !argument.Hidden))
            Item(page, $"\\fI{Escape(argument.HelpName ?? argument.Name)}\\fR", argument.Description);
        foreach (var option in Shown(verb.Options).Where(option => option is not HelpOption))
            Item(page, Tag(option), option.Description);
        if (Examples.Of(path, protocols, out var lines) && lines.Count > 0)
        {
            page.Append(".PP\n.EX\n");
            foreach (var line in lines)
                page.Append(Escape(line)).Append('\n');
            page.Append(".EE\n");
        }

        foreach (var subverb in Shown(verb.Subcommands))
            Verb(page, subverb, $"{path} {subverb.Name}", protocols);
    }

    private static string Placed(Argument argument)
    {
        var name =
            (argument.HelpName ?? argument.Name) + (argument.Arity.MaximumNumberOfValues > 1 ? "..." : "");
        return argument.Arity.MinimumNumberOfValues == 0 ? $"[{name}]" : name;
    }

    private static string Tag(Option option)
    {
        var names = string.Join(
            ", ",
            option.Aliases.Append(option.Name).Select(name => $"\\fB{Escape(name)}\\fR")
        );
        return option.Arity.MaximumNumberOfValues == 0 || option.HelpName is not { } value
            ? names
            : $"{names} \\fI{Escape(value)}\\fR";
    }

    private static void Item(StringBuilder page, string tag, string? text)
    {
        page.Append(".TP\n").Append(tag).Append('\n');
        Paragraph(page, text);
    }

    /// <summary>Text that is filled. A URI may be longer than a line: it can be broken where a part of it ends.</summary>
    private static void Paragraph(StringBuilder page, string? text) =>
        page.Append(
                Escape(text ?? "")
                    .Replace('\n', ' ')
                    .Replace("]", "]\\:", StringComparison.Ordinal)
                    .Replace("&", "&\\:", StringComparison.Ordinal)
            )
            .Append('\n');

    /// <summary>Text that groff prints as it stands: no escape, no request, and hyphens that can be copied.</summary>
    private static string Escape(string text)
    {
        var plain = text.Replace("\\", "\\e", StringComparison.Ordinal)
            .Replace("-", "\\-", StringComparison.Ordinal)
            .Replace("\"", "\\(dq", StringComparison.Ordinal)
            .Replace("'", "\\(aq", StringComparison.Ordinal)
            .Replace("`", "\\(ga", StringComparison.Ordinal)
            .Replace("~", "\\(ti", StringComparison.Ordinal)
            .Replace("^", "\\(ha", StringComparison.Ordinal);
        return plain is ['.', ..] ? "\\&" + plain : plain;
    }

    private static IEnumerable<T> Shown<T>(IEnumerable<T> symbols)
        where T : Symbol => symbols.Where(symbol => !symbol.Hidden);
}
