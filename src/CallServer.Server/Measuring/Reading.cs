using System.Diagnostics.Metrics;

namespace CallServer.Server.Measuring;

/// <summary>Instruments that read a value when somebody looks, so that no value is kept twice.</summary>
internal static class Reading
{
    /// <summary>A counter.</summary>
    public static void Counts(this Meter meter, string name, string help, Func<long> read) =>
        meter.CreateObservableCounter(name, read, null, help);

    /// <summary>A counter for each value of a label.</summary>
    public static void Counts(
        this Meter meter,
        string name,
        string help,
        string label,
        Func<IEnumerable<(string Value, long Count)>> read
    ) =>
        meter.CreateObservableCounter(
            name,
            () => read().Select(one => Of(one.Count, label, one.Value)),
            null,
            help
        );

    /// <summary>A counter for each pair of two labels' values.</summary>
    public static void Counts(
        this Meter meter,
        string name,
        string help,
        (string First, string Second) labels,
        Func<IEnumerable<(string First, string Second, long Count)>> read
    ) =>
        meter.CreateObservableCounter(
            name,
            () =>
                read()
                    .Select(one => new Measurement<long>(
                        one.Count,
                        new(labels.First, one.First),
                        new(labels.Second, one.Second)
                    )),
            null,
            help
        );

    /// <summary>A value that rises and falls, in this unit (UCUM); null for a plain number.</summary>
    public static void Shows(
        this Meter meter,
        string name,
        string help,
        Func<double> read,
        string? unit = null
    ) => meter.CreateObservableGauge(name, read, unit, help);

    /// <summary>Such a value for each value of a label.</summary>
    public static void Shows(
        this Meter meter,
        string name,
        string help,
        string label,
        Func<IEnumerable<(string Value, double Now)>> read,
        string? unit = null
    ) =>
        meter.CreateObservableGauge(
            name,
            () => read().Select(one => Of(one.Now, label, one.Value)),
            unit,
            help
        );

    private static Measurement<T> Of<T>(T value, string label, string labelled)
        where T : struct => new(value, new KeyValuePair<string, object?>(label, labelled));
}
