using System.CommandLine;
using System.CommandLine.Completions;
using CallServer.Surface;

namespace CallServer.Host.Cli.Completion;

/// <summary>
/// <c>callserver completion bash|zsh|pwsh</c>: prints a script that has a shell complete our command lines. The script
/// asks <c>callserver '[suggest:POSITION]' LINE</c>.
/// </summary>
internal sealed class CompletionCommand(Terminal terminal)
{
    private static readonly (string Shell, string Script)[] Scripts =
    [
        ("bash", Bash),
        ("zsh", Zsh),
        ("pwsh", PowerShell),
    ];

    private readonly Argument<string> shell = new("SHELL")
    {
        HelpName = string.Join('|', Scripts.Select(each => each.Shell)),
        Description = "The shell that the script is for",
    };

    public Command Build()
    {
        var command = new Command(
            "completion",
            "Prints a script that has a shell complete verbs, options, URIs, profiles and gateways."
        )
        {
            shell,
        };
        shell.CompletionSources.Add(_ => Scripts.Select(each => new CompletionItem(each.Shell)));
        command.SetAction(parsed => Print(parsed.GetValue(shell)!));
        return command;
    }

    private int Print(string name)
    {
        var names = Scripts.Select(each => each.Shell).ToList();
        var script = Scripts.FirstOrDefault(each => each.Shell == name).Script;
        if (script is null)
        {
            throw new CommandFailedException(
                ExitCode.Usage,
                $"callserver: there is no script for '{name}'{Nearest.Hint(name, names)}; known are {string.Join(", ", names)}"
            );
        }

        terminal.Out.Write(script.ReplaceLineEndings("\n"));
        return ExitCode.Complete;
    }

    private const string Bash = """
        # callserver: completion for bash. In ~/.bashrc:  source <(callserver completion bash)
        _callserver() {
            local line=${COMP_LINE:0:COMP_POINT} word cut each options=()
            word=${line##*[[:space:]]}
            # bash itself sees only what follows the last : or = of the word.
            cut=${word%"${word##*[:=]}"}
            line=${line#*[[:space:]]}
            COMPREPLY=()
            while IFS= read -r each; do
                [[ -n $each && $each == "$word"* ]] || continue
                # Options are offered where nothing else is, or where one has been begun.
                if [[ -z $word && $each == -* ]]; then
                    options+=("$each")
                    continue
                fi
                COMPREPLY+=("${each#"$cut"}")
                [[ $each == *[:/=] ]] && compopt -o nospace
            done < <("${COMP_WORDS[0]}" "[suggest:${#line}]" "$line" 2>/dev/null)
            (( ${#COMPREPLY[@]} )) || COMPREPLY=("${options[@]}")
        }
        complete -F _callserver callserver

        """;

    private const string Zsh = """
        #compdef callserver
        # callserver: completion for zsh. In ~/.zshrc:  source <(callserver completion zsh)
        _callserver() {
            local line=${LBUFFER#*[[:space:]]} each
            local -a found whole begun options
            found=("${(@f)$("${words[1]}" "[suggest:${#line}]" "$line" 2>/dev/null)}")
            for each in $found; do
                [[ $each == "$PREFIX"* ]] || continue
                # Options are offered where nothing else is, or where one has been begun.
                if [[ -z $PREFIX && $each == -* ]]; then options+=("$each")
                elif [[ $each == *[:/=] ]]; then begun+=("$each")
                else whole+=("$each")
                fi
            done
            (( $#whole + $#begun )) || whole=($options)
            compadd -Q -a whole
            compadd -Q -S '' -a begun
        }
        if (( $+functions[compdef] )); then
            compdef _callserver callserver
        else
            autoload -Uz compinit && compinit && compdef _callserver callserver
        fi

        """;

    private const string PowerShell = """
        # callserver: completion for PowerShell. In $PROFILE:  callserver completion pwsh | Out-String | Invoke-Expression
        Register-ArgumentCompleter -Native -CommandName callserver -ScriptBlock {
            param($word, $ast, $position)
            $all = $ast.ToString().PadRight($position)
            $program = $ast.CommandElements[0].ToString()
            $line = $all.Substring([Math]::Min($program.Length + 1, $position))
            $length = [Math]::Max(0, $position - $program.Length - 1)
            & $program "[suggest:$length]" $line 2>$null | Where-Object { $_ -like "$word*" } | ForEach-Object {
                [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
            }
        }

        """;
}
