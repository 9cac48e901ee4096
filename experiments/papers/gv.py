"""The numbers that the Gaussian Vector paper prints, table by table. Data only: read them through ``published``.

TABLES: {table: (caption, blocks)}, a block being (prefix of its columns' names, metrics, cells). ``published.read_block``
says how the cells are written. An asterisk is the paper's bold print, "-" its dash.

The paper's names of methods are kept, less their citations. Where a table has a further dimension:

1  columns normalisation/subset: ipn (inter-pupil), ion (inter-ocular) / common, challenge, full
2  columns normalisation/metric
3  columns metric/subset; "test" is the whole test set
5  rows: what is on (BPM, Beyond Box Strategy); columns: the face box, original or shrunk by 10 %. Backbone ResNet50
6  rows tau, columns sigma: "tau=2.0", "sigma=2.0"
7  rows theta: "theta=3" (the paper prints them across)
8  rows and columns bandwidths: ("l=3", "l=5") is the two fused, ("l=3", "l=3") a single one; the upper triangle only
9  columns dim1, dim2, dim3: the output tensor's size; then milliseconds
"""

TABLES = {
    1: ("NME (%) on 300W Common, Challenging, Full subset", [
        ("ipn/", "nme_ipn", """
                         | common  challenge  full
            RCPR         | 6.18    17.26      8.35
            LBF          | 4.95    11.98      6.32
            TCDCN        | 4.80    6.80       5.54
            RAR          | 4.12    8.35       4.94
            LAB          | 4.20    7.41       4.92
            DCFE         | 3.83    7.54       4.55
            AWing        | 3.77    6.52       4.31
            GV(ResNet50) | 3.78    6.98       4.41
            GV(HRNet)    | 3.63*   6.51*      4.19*"""),
        ("ion/", "nme_ion", """
                         | common  challenge  full
            DAN          | 3.19    5.24       3.59
            DCFE         | 2.76    5.22       3.24
            LAB          | 2.98    5.19       3.49
            HRNetV2      | 2.87    5.15       3.32
            AWing        | 2.72    4.52       3.07
            GV(ResNet50) | 2.73    4.84       3.14
            GV(HRNet)    | 2.62*   4.51*      2.99*"""),
    ]),
    2: ("NME (%) and FR (%) on COFW testset", [
        ("ipn/", "nme_ipn fr", """
                         | nme    fr
            Human        | 5.60   -
            RCPR         | 8.50   20.0
            RAR          | 6.03   4.14
            TCDCN        | 8.05   20.0
            DAC-CSR      | 6.03   4.73
            PCD-CNN      | 5.77   3.73
            DCFE         | 5.27   -
            AWing        | 4.94   0.99
            GV(ResNet50) | 4.92   0.99
            GV(HRNet)    | 4.85*  0.59*"""),
        ("ion/", "nme_ion fr", """
                         | nme    fr
            LAB          | 3.92   0.39
            MobileFAN    | 3.66   0.59
            HRNetV2      | 3.45   0.19*
            GV(ResNet50) | 3.42   0.59
            GV(HRNet)    | 3.37*  0.39"""),
    ]),
    3: ("Evaluation on WFLW", [
        ("nme/", "nme_ion", """
                         | test     pose     expression  illumination  make-up  occlusion  blur
            ESR          | 11.13    25.88    11.47       10.49         11.05    13.75      12.20
            SDM          | 10.29    24.10    11.45       9.32          9.38     13.03      11.28
            CFSS         | 9.07     21.36    10.09       8.30          8.74     11.76      9.96
            DVLN         | 6.08     11.54    6.78        5.73          5.98     7.33       6.88
            LAB          | 5.27     10.24    5.51        5.23          5.15     6.79       6.32
            Wing         | 5.11     8.75     5.36        4.93          5.41     6.37       5.81
            AWing        | 4.36     7.38*    4.58        4.32          4.27     5.19*      4.96
            GV(ResNet50) | 4.57     7.91     4.85        4.51          4.45     5.50       5.28
            GV(HRNet)    | 4.33*    7.41     4.51*       4.24*         4.18*    5.19*      4.93*"""),
        ("fr/", "fr", """
                         | test     pose     expression  illumination  make-up  occlusion  blur
            ESR          | 35.24    90.18    42.04       30.80         38.84    47.28      41.40
            SDM          | 29.40    84.36    33.44       26.22         27.67    41.85      35.32
            CFSS         | 20.56    66.26    23.25       17.34         21.84    32.88      23.67
            DVLN         | 10.84    46.93    11.15       7.31          11.65    16.30      13.71
            LAB          | 7.56     28.83    6.37        6.73          7.77     13.72      10.74
            Wing         | 6.00     22.70    4.78        4.30          7.77     12.50      7.76
            AWing        | 2.84*    13.50*   2.23*       2.58*         2.91*    5.98*      3.75*
            GV(ResNet50) | 4.44     19.94    3.18        3.72          3.88     8.83       6.47
            GV(HRNet)    | 3.52     16.26    2.55        3.30          3.40     6.79       5.05"""),
        ("auc/", "auc", """
                         | test     pose     expression  illumination  make-up  occlusion  blur
            ESR          | 0.2774   0.0177   0.1981      0.2953        0.2485   0.1946     0.2204
            SDM          | 0.3002   0.0226   0.2293      0.3237        0.3125   0.2060     0.2398
            CFSS         | 0.3659   0.0632   0.3157      0.3854        0.3691   0.2688     0.3037
            DVLN         | 0.4551   0.1474   0.3889      0.4743        0.4494   0.3794     0.3973
            LAB          | 0.5323   0.2345   0.4951      0.5433        0.5394   0.4490     0.4630
            Wing         | 0.5504   0.3100   0.4959      0.5408        0.5582   0.4885     0.4918
            AWing        | 0.5719   0.3120   0.5149      0.5777        0.5715   0.5022     0.5120
            GV(ResNet50) | 0.5568   0.2769   0.5321      0.5673        0.5640   0.4782     0.4959
            GV(HRNet)    | 0.5775*  0.3166*  0.5636*     0.5863*       0.5881*  0.5035*    0.5242*"""),
    ]),
    4: ("The leadboard of JD-landmark", [
        ("", "auc_percent nme_rectangle", """
                          | auc     nme
            Baidu VIS     | 84.01*  1.31*
            USTC-NELSLIP  | 82.68   1.41
            VIC iron man  | 82.22   1.42
            CIGIT-ALIBABA | 81.53   1.50
            Smiles        | 81.28   1.50
            Baseline      | 73.32   2.16
            GV(HRNet)     | 83.34*  1.35*"""),
    ]),
    5: ("Ablation study on our method. BBS means Beyond Box Strategy.", [
        ("", "nme_ion", """
                      | original  shrunk
            no BPM    | 3.42      -
            BPM       | 3.14*     4.57*
            BPM + BBS | -         4.10*"""),
    ]),
    6: ("Different choices for tau and sigma in Beyond Box Strategy.", [
        ("", "nme_ion", """
                    | sigma=1.0  sigma=1.5  sigma=2.0  sigma=2.5  sigma=3.0
            tau=1.0 | 4.42       4.35       4.29       4.26       4.24
            tau=1.5 | 4.33       4.23       4.15       4.12       4.14
            tau=2.0 | 4.28       4.17       4.10*      4.12       4.22
            tau=2.5 | 4.26       4.15       4.13       4.23       4.43"""),
    ]),
    7: ("Evaluation on different values of theta.", [
        ("", "nme_ion", """
                    | ion
            theta=0 | 3.32
            theta=1 | 3.23
            theta=2 | 3.21
            theta=3 | 3.14*
            theta=4 | 3.25"""),
    ]),
    8: ("Comparison among different bandwidth", [
        ("", "nme_ion", """
                | l=1   l=3   l=5    l=7
            l=1 | 3.94  3.67  3.61   3.74
            l=3 | -     3.31  3.14*  3.22
            l=5 | -     -     3.21   3.28
            l=7 | -     -     -      3.38"""),
    ]),
    9: ("Comparison of the time cost.", [
        ("", "elements elements elements ms ms ms", """
                            | dim1  dim2  dim3  net-forward  post-processing  transmission
            Heatmap         | 68    64    64    6.129        2.039            0.311
            Gaussian Vector | 68    64    2     6.158        0.062            0.048"""),
    ]),
    "text": ("Stated in the text only", [
        # 4.3: "our baseline model", network and post-processing, batch 1, one TITAN X.
        ("", "ms", """
                         | time-per-face
            GV(ResNet50) | 28"""),
        # 4.6: of the whole process of Table 9.
        ("", "saving", """
                            | time-saved
            Gaussian Vector | 26"""),
        # 4.4, JD-landmark: Table 4 has no such column.
        ("jd/", "fr", """
                      | fr
            Baidu VIS | 0.10
            GV(HRNet) | 0.10"""),
        # Caption of Fig. 4: the peak that Eq. 6 puts outside the box, in cells and in the vector's value.
        ("fig4/", "cells response", """
                        | peak-position  peak-value
            Beyond Box  | 66             1.4"""),
    ]),
}
