using System.Text;

namespace CallServer.Bench.Steady;

/// <summary>Draws memory and file size over time as an SVG picture.</summary>
internal static class SteadyPicture
{
    private static readonly int[] scales = [1, 2, 4, 8, 10];

    private const int Width = 760;
    private const int Height = 300;
    private const int Left = 60;
    private const int Bottom = 40;
    private const int Top = 34;

    public static string Draw(IReadOnlyList<SteadySample> samples, string title)
    {
        var most = Round(samples.Max(sample => Math.Max(sample.Memory, sample.Database)) / 1e6);
        var hours = Math.Max(samples[^1].At.TotalHours, 1e-9);
        double X(TimeSpan at) => Left + at.TotalHours / hours * (Width - Left - 20);
        double Y(double megabytes) => Height - Bottom - megabytes / most * (Height - Bottom - Top);

        var svg = new StringBuilder();
        void Add(FormattableString element) => svg.Append(FormattableString.Invariant(element)).Append('\n');
        Add(
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Height}\" font-family=\"sans-serif\" font-size=\"12\">"
        );
        Add($"<rect width=\"{Width}\" height=\"{Height}\" fill=\"white\"/>");
        Add($"<text x=\"{Left}\" y=\"18\">{title}</text>");
        for (var part = 0; part <= 4; part++)
        {
            var (megabytes, at) = (most * part / 4, TimeSpan.FromHours(hours * part / 4));
            Add(
                $"<line x1=\"{Left}\" x2=\"{Width - 20}\" y1=\"{Y(megabytes):0.#}\" y2=\"{Y(megabytes):0.#}\" stroke=\"#ddd\"/>"
            );
            Add(
                $"<text x=\"{Left - 6}\" y=\"{Y(megabytes) + 4:0.#}\" text-anchor=\"end\">{megabytes:0} MB</text>"
            );
            Add(
                $"<text x=\"{X(at):0.#}\" y=\"{Height - Bottom + 18}\" text-anchor=\"middle\">{at.TotalMinutes:0} min</text>"
            );
        }

        Line("#1f6fb2", sample => sample.Memory);
        Line("#c4572f", sample => sample.Database);
        Add($"<text x=\"{Width - 240}\" y=\"18\" fill=\"#1f6fb2\">resident memory</text>");
        Add($"<text x=\"{Width - 120}\" y=\"18\" fill=\"#c4572f\">file of the record</text>");
        return svg.Append("</svg>\n").ToString();

        void Line(string colour, Func<SteadySample, long> value)
        {
            var points = string.Join(
                ' ',
                samples.Select(sample =>
                    FormattableString.Invariant($"{X(sample.At):0.#},{Y(value(sample) / 1e6):0.#}")
                )
            );
            Add($"<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>");
        }
    }

    /// <summary>Rounds up to 1, 2, 4 or 8 times a power of ten.</summary>
    private static double Round(double megabytes)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(megabytes, 1))));
        return power * scales.First(times => times * power >= megabytes);
    }
}
